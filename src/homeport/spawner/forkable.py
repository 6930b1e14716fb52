"""Which containers can be forked from a template, from which one, and why not. Reads layers, starts nothing.

Only a base image that the platform made itself has its Python run before it is confined: `base_layers` says how much of
the image that is. The layers above it are the user's: nothing in them may replace what a template has loaded already.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .templatelaunch import Key

_GUEST = ("-I", "-S")
_GUEST_FILE = "/homeport/guest/main.py"
_READ_AT_START = ("LANG", "LANGUAGE", "PATH")  # and LC_*: a template per value
_LOADER_READS = ("LD_", "MALLOC_", "GLIBC_", "OPENSSL_", "GCONV_", "LOCPATH", "PYTHONPATH", "SSLKEYLOGFILE")
_LINKED_TO_USR = ("bin", "lib", "lib64", "sbin")
_OPAQUE = "trusted.overlay.opaque"


class Ground(NamedTuple):
    """What a template stands on: `files` it has loaded, and `names` of modules that a user's file could not replace."""

    files: frozenset[str]
    names: frozenset[str]


class Unfit(Exception):
    """The text says why; it is empty where nobody would expect a fork."""


def key(spec: dict[str, Any]) -> Key:
    """The template that this container would come from. Raises Unfit."""
    argv, base = spec["argv"], spec.get("base_layers")
    if spec.get("backend") != "auto" or base is None or tuple(argv[1:3]) != _GUEST or len(argv) != 4:
        raise Unfit("")
    library_at = argv[3].removesuffix(_GUEST_FILE)
    library = next((source for source, target, _ in spec["binds"] if target == library_at), "")
    if library_at == argv[3] or not library:
        raise Unfit("")
    if spec.get("disk_mib"):
        raise Unfit("it has a disk of its own size")
    if base < 1:
        raise Unfit("its base image is not one of the platform's own")
    for name in spec["env"]:
        if name.startswith(_LOADER_READS):
            raise Unfit(f"{name} is set, which a Python reads at its start")
    layers = tuple(spec["layers"][-base:])
    program = find_program(layers, spec["env"].get("PATH", ""), argv[0])
    if not program:
        raise Unfit(f"its base image has no {argv[0]}")
    env = {name: value for name, value in spec["env"].items() if name in _READ_AT_START or name.startswith("LC_")}
    return Key(layers, program, tuple(argv), library, library_at, tuple(sorted(env.items())))


def check_layers(spec: dict[str, Any], chosen: Key, ground: Ground) -> None:
    """Whether the layers above the base leave alone what the template has loaded. Raises Unfit."""
    upper = spec["layers"][: -len(chosen.layers)]
    if find_program(tuple(spec["layers"]), spec["env"].get("PATH", ""), chosen.argv[0]) != chosen.program:
        raise Unfit(f"its image has another {chosen.argv[0]}")
    for layer in upper:
        for name in _LINKED_TO_USR:
            if os.path.lexists(f"{layer}/{name}"):
                raise Unfit(f"its image replaces /{name}")
        for file in ground.files:
            if os.path.lexists(f"{layer}{file}"):
                raise Unfit(f"its image replaces {file}, which the template has loaded")
        for folder in {os.path.dirname(file) for file in ground.files}:
            if _hides(layer, folder):
                raise Unfit(f"its image replaces {folder}, of which the template has loaded files")


def check_names(spec: dict[str, Any], chosen: Key, ground: Ground) -> None:
    """Whether a module of the user has the name of one that is loaded already. Raises Unfit."""
    taken = sorted(ground.names & {name.partition(".")[0] for name in _in_root(spec)})
    if taken:
        raise Unfit(f"its own module {taken[0]!r} has the name of one that the template has loaded")


def find_program(layers: tuple[str, ...], path: str, name: str) -> str:
    """Where an image of these layers, uppermost first, has the program; "" when it has not."""
    for folder in path.split(":"):
        if folder and any(os.path.lexists(f"{layer}{folder}/{name}") for layer in layers):
            return f"{folder}/{name}"
    return ""


def _in_root(spec: dict[str, Any]) -> list[str]:
    """The names of what lies in /root and in the folder of the user's file, from where modules are imported first."""
    folder = os.path.dirname(spec["env"].get("HOMEPORT_GUEST_PATH", ""))
    found = []
    for source, target, _ in spec["binds"]:
        if target.startswith("/root/"):
            found.append(target.removeprefix("/root/").partition("/")[0])
        if folder and f"/root/{folder}/".startswith(f"{target}/"):
            found += _listed(f"{source}/{f'/root/{folder}/'.removeprefix(target).strip('/')}")
    for layer in spec["layers"]:
        found += _listed(f"{layer}/root") + (_listed(f"{layer}/root/{folder}") if folder else [])
    return found


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _hides(layer: str, folder: str) -> bool:
    """Whether the folder, or one that it lies in, is there and does not show what lower layers have in it."""
    while len(folder) > 1:
        try:
            if os.getxattr(f"{layer}{folder}", _OPAQUE, follow_symlinks=False) == b"y":
                return True
        except OSError:  # no such folder, or one without that attribute
            pass
        if os.path.lexists(f"{layer}{folder}") and not os.path.isdir(f"{layer}{folder}"):
            return True
        folder = os.path.dirname(folder)
    return False
