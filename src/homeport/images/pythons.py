"""Which Python an image has, read from its layers' directories without running anything. Knows links and whiteouts."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_VERSIONED = re.compile(r"python(3\.\d+)$")
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_LINKS_MAX = 40


def version_in(layers: Sequence[str], path: str = "") -> str:
    """`3.11` for what `python3` is there; empty if there is none, or its version can't be told.

    layers: uppermost first; path: the image's PATH.
    """
    for folder in (path or DEFAULT_PATH).split(":"):
        found = resolve(layers, f"{folder}/python3") if folder.startswith("/") else None
        if found is None:
            continue
        if named := _VERSIONED.search(found):
            return named[1]
        prefix = os.path.dirname(os.path.dirname(found))
        return next((v for v in _library_versions(layers, f"{prefix}/lib")), "")
    return ""


def resolve(layers: Sequence[str], path: str) -> str | None:
    """The path of the file that `path` leads to in the image, through all links; None if there is none."""
    todo = [part for part in path.split("/") if part]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop(0)
        if part == ".":
            continue
        if part == "..":
            done = done[:-1]
            continue
        here = "/".join([*done, part])
        real = _in_layers(layers, here)
        if real is None:
            return None
        if os.path.islink(real):
            links += 1
            if links > _LINKS_MAX:
                return None
            target = os.readlink(real)
            todo = [each for each in target.split("/") if each] + todo
            done = [] if target.startswith("/") else done
            continue
        done.append(part)
    return "/" + "/".join(done)


def _in_layers(layers: Sequence[str], relative: str) -> str | None:
    """The uppermost file of that name, unless a layer above removed it. No part of `relative` but the last is a link."""
    parts = relative.split("/")
    for layer in layers:
        real = f"{layer}/{relative}"
        try:
            found = os.lstat(real)
            return None if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0 else real
        except (FileNotFoundError, NotADirectoryError):
            if any(_hides(f"{layer}/{'/'.join(parts[:n])}") for n in range(1, len(parts))):
                return None
    return None


def _hides(folder: str) -> bool:
    """Whether nothing below this folder is seen of the layers beneath."""
    try:
        return not stat.S_ISDIR(os.lstat(folder).st_mode) or any(_marked(folder, name) for name in _OPAQUE)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _marked(folder: str, attribute: str) -> bool:
    try:
        return os.getxattr(folder, attribute, follow_symlinks=False) == b"y"
    except OSError:
        return False  # it has no such attribute


def _library_versions(layers: Sequence[str], lib: str) -> list[str]:
    names = {name for layer in layers for name in (os.listdir(layer + lib) if os.path.isdir(layer + lib) else ())}
    there = [m[1] for name in sorted(names, reverse=True) if (m := _VERSIONED.search(name))]
    return [version for version in there if resolve(layers, f"{lib}/python{version}/os.py")]
