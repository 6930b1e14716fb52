"""The OCI runtime that buildah calls for RUN: crun, with what one step alone may see. Run as a script.

buildah knows how to give a step files, but not an environment or mounts that leave no trace in layer, history and cache key.
So it is given this runtime: at `create` the step's environment and mounts are added to the container's configuration (a
copy, in a directory of ours that is not on a disk), at `delete` the empty mount points are taken out of the layer again.

What a step left in its layer, and a container in a Volume, is hostile, and this runs as root of the machine: paths in there
are walked a folder at a time, by descriptors, and nothing is followed.

    ociruntime.py PLAN_DIR create --bundle DIR … ID       PLAN_DIR/plan.json says what is added (`workplace` makes it)
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

CRUN = ("crun", "--cgroup-manager=disabled")
UNIFIED = "/sys/fs/cgroup/unified"
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MS_BIND = 4096


def script(python: str, plan_dir: str, hybrid_cgroups: bool, cgroups: Sequence[str] = ()) -> str:
    """The program that buildah calls; what it mounts is seen by nobody else. Most calls need no Python.

    cgroups: the directories in which steps run. crun refuses hybrid cgroups, so it isn't shown v2.
    """
    from shlex import join, quote  # not needed when a step begins

    ours = join([python, "-I", "-S", os.path.abspath(__file__), plan_dir])
    crun = join([*CRUN, "--root", f"{plan_dir}/crun"])
    enter = "".join(f"echo 0 > {quote(directory)}/cgroup.procs || exit 1\n" for directory in cgroups)
    hide = f"umount -l {UNIFIED}; " if hybrid_cgroups else ""
    return (
        f'#!/bin/sh\ncase "$1" in\ncreate)\n{enter}set -- {ours} "$@" ;;\ndelete) set -- {ours} "$@" ;;\n'
        f'*) set -- {crun} "$@" ;;\nesac\n'
        f'exec unshare --mount --propagation slave sh -c \'{hide}exec "$@"\' sh "$@"\n'
    )


def configured(config: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
    """The container's configuration with what the step sees besides.

    step: `defaults` (environment that the image's own wins over), `caches` (likewise, unless its line mounts a cache of its
    own), `env` (which wins), `mounts`.
    """
    has_cache = any("/.cache/" in f"{mount['destination']}/" for mount in config.get("mounts", ()))
    given = dict(entry.partition("=")[::2] for entry in config["process"].get("env", ()))
    env = {**step["defaults"], **({} if has_cache else step["caches"]), **given, **step["env"]}
    process = {**config["process"], "env": [f"{name}={value}" for name, value in env.items()]}
    process["user"] = {"uid": 0, "gid": 0}  # semantics 5.4: USER is ignored
    linux = {key: value for key, value in config.get("linux", {}).items() if key not in ("resources", "cgroupsPath")}
    mounts = [mount for mount in config.get("mounts", ()) if mount.get("type") != "cgroup"]
    return {**config, "process": process, "linux": linux, "mounts": [*mounts, *map(_mount, step["mounts"])]}


def missing(root: str, target: str) -> list[str]:
    """Those parts of the path that a mount at `target` makes in the file system at `root`, outermost first."""
    path, absent = "", []
    for part in target.strip("/").split("/"):
        path = f"{path}/{part}".lstrip("/")
        try:
            if part == ".." or stat.S_ISLNK(os.lstat(f"{root}/{path}").st_mode):
                return []
        except FileNotFoundError:
            absent.append(path)
    return absent


def tidy(root: str, paths: list[str]) -> None:
    """Takes away mount points that are as empty as they were made; innermost ones come last in `paths`, below `root`."""
    for path in reversed(paths):
        *parents, name = path.split("/")
        try:
            folder = enter(root, parents)
        except OSError:
            continue  # the step moved it, or put a link in its place
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                os.rmdir(name, dir_fd=folder)
            elif stat.S_ISREG(found.st_mode) and found.st_size == 0:
                os.unlink(name, dir_fd=folder)
        except OSError:
            continue  # not empty: the step wrote there, so it is the step's
        finally:
            os.close(folder)


def enter(root: str, parts: Sequence[str], *, make: bool = False) -> int:
    """A descriptor (O_PATH) of the folder below `root`; no part of the way is a symlink. make: missing folders are made.

    Raises OSError: NotADirectoryError for a file or symlink on the way.
    """
    current = os.open(root, _FOLDER)
    for part in parts:
        try:
            if part in ("", ".", ".."):
                raise NotADirectoryError(errno.ENOTDIR, "no name of a folder", part)
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=current)
            following = os.open(part, _FOLDER, dir_fd=current)
        finally:
            os.close(current)
        current = following
    return current


def main(argv: list[str]) -> None:
    plan_dir, verb, *rest = argv
    crun = [*CRUN, "--root", f"{plan_dir}/crun"]
    container = rest[-1]
    made = f"{plan_dir}/made-{container}.json"
    if verb == "delete":
        if os.path.exists(made) and "--force" not in rest:
            with open(made) as file:
                tidy(**json.load(file))
        os.execvp(crun[0], [*crun, verb, *rest])
    with open(f"{rest[rest.index('--bundle') + 1]}/config.json") as file:
        config = json.load(file)
    step = _next_step(plan_dir)
    step["mounts"] = [_by_descriptor(mount, f"{plan_dir}/show-{container}-{n}") for n, mount in enumerate(step["mounts"])]
    root = config["root"]["path"]
    paths = [path for mount in step["mounts"] for path in missing(root, mount["target"])]
    with open(made, "w") as file:
        json.dump({"root": root, "paths": paths}, file)
    copy = f"{plan_dir}/config-{container}.json"
    with open(copy, "w") as file:
        json.dump(configured(config, step), file)
    os.execvp(crun[0], [*crun, verb, "--config", copy, *rest])


def _next_step(plan_dir: str) -> dict[str, Any]:
    """RUN instructions come in the order of the Dockerfile; `every` is there where their order is not known."""
    with open(f"{plan_dir}/plan.json") as file:
        plan = json.load(file)
    counter = f"{plan_dir}/begun"
    begun = os.path.getsize(counter) if os.path.exists(counter) else 0
    with open(counter, "a") as file:
        file.write(".")
    step: dict[str, Any] = plan["every"] or plan["runs"][begun]
    return step


def _by_descriptor(mount: dict[str, Any], place: str) -> dict[str, Any]:
    """A folder that containers write to is mounted on a place of ours first, in this mount namespace, whose name is safe."""
    if mount["below"] is None:
        return mount
    import ctypes  # not needed by most steps

    os.mkdir(place, 0o700)
    folder = enter(mount["source"], [part for part in mount["below"].split("/") if part])
    source = f"/proc/self/fd/{folder}".encode()
    if ctypes.CDLL(None, use_errno=True).mount(source, os.fsencode(place), None, ctypes.c_ulong(_MS_BIND), None) < 0:
        raise OSError(ctypes.get_errno(), "a folder of a Volume can't be mounted", mount["target"])
    os.close(folder)
    return {**mount, "source": place}


def _mount(mount: dict[str, Any]) -> dict[str, Any]:
    options = ["rbind", "private", "ro" if mount["read_only"] else "rw"]
    return {"destination": mount["target"], "type": "bind", "source": mount["source"], "options": options}


if __name__ == "__main__":
    main(sys.argv[1:])
