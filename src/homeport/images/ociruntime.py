"""The OCI runtime that buildah calls for RUN: crun, with what one step alone may see. Run as a script.

buildah knows how to give a step files, but not an environment or mounts that leave no trace in layer, history and cache key.
So it is given this runtime: at `create` the step's environment and mounts are added to the container's configuration (a
copy, in a directory of ours that is not on a disk), at `delete` the empty mount points are taken out of the layer again.

    ociruntime.py PLAN_DIR create --bundle DIR … ID       PLAN_DIR/plan.json says what is added (`write` makes it)
"""

from __future__ import annotations

import json
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CRUN = ("crun", "--cgroup-manager=disabled")
UNIFIED = "/sys/fs/cgroup/unified"


def script(python: str, plan_dir: str, hybrid_cgroups: bool) -> str:
    """The program that buildah calls. Most calls need no Python. crun refuses hybrid cgroups, so it isn't shown v2."""
    crun = f"{' '.join(CRUN)} --root '{plan_dir}/crun'"
    start = 'exec "$@"'
    if hybrid_cgroups:
        start = f'exec unshare --mount --propagation slave sh -c \'umount -l {UNIFIED}; exec "$@"\' sh "$@"'
    ours = f"'{python}' -I -S '{os.path.abspath(__file__)}' '{plan_dir}'"
    return f'#!/bin/sh\ncase "$1" in\ncreate|delete) set -- {ours} "$@" ;;\n*) set -- {crun} "$@" ;;\nesac\n{start}\n'


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
    path, absent = root, []
    for part in target.strip("/").split("/"):
        path = f"{path}/{part}"
        try:
            if stat.S_ISLNK(os.lstat(path).st_mode):
                return []
        except FileNotFoundError:
            absent.append(path)
    return absent


def tidy(paths: list[str]) -> None:
    """Takes away mount points that are as empty as they were made; innermost ones come last in `paths`."""
    for path in reversed(paths):
        try:
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                os.rmdir(path)
            elif stat.S_ISREG(found.st_mode) and found.st_size == 0:
                os.unlink(path)
        except OSError:
            continue  # not empty: the step wrote there, so it is the step's


def main(argv: list[str]) -> None:
    plan_dir, verb, *rest = argv
    crun = [*CRUN, "--root", f"{plan_dir}/crun"]
    container = rest[-1]
    made = f"{plan_dir}/made-{container}.json"
    if verb == "delete":
        if os.path.exists(made) and "--force" not in rest:
            with open(made) as file:
                tidy(json.load(file))
        os.execvp(crun[0], [*crun, verb, *rest])
    with open(f"{rest[rest.index('--bundle') + 1]}/config.json") as file:
        config = json.load(file)
    step = _next_step(plan_dir)
    absent = [missing(config["root"]["path"], mount["target"]) for mount in step["mounts"]]
    with open(made, "w") as file:
        json.dump([path for paths in absent for path in paths], file)
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


def _mount(mount: dict[str, Any]) -> dict[str, Any]:
    options = ["rbind", "private", "ro" if mount["read_only"] else "rw"]
    return {"destination": mount["target"], "type": "bind", "source": mount["source"], "options": options}


if __name__ == "__main__":
    main(sys.argv[1:])
