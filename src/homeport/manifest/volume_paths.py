"""Paths of Volumes, as people write them: inside of one, and where one may be mounted. Pure text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .paths import PART_MAX_BYTES, PATH_MAX_BYTES, mount_problem

_NEVER_BELOW = ("/proc", "/sys", "/dev", "/opt/homeport")
_NEVER_AT = frozenset(
    (
        *("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/opt", "/run", "/sbin", "/tmp", "/usr", "/var"),
        *("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local", "/usr/local/bin", "/usr/local/lib", "/usr/sbin"),
        *("/etc/hosts", "/etc/resolv.conf", "/var/lib", "/var/run"),
    )
)


def inside(path: str) -> str:
    """`path` in a Volume in its one form: relative, without `.` and doubled or final slashes; empty for the Volume itself.

    `/a/b`, `a/b/` and `./a//b` are the same file. Raises ValueError with what is wrong with it: `..`, NUL, too long.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError("leaves the Volume by '..'")
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise ValueError("holds a control character")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in path):
        raise ValueError("is not valid text")
    if len(path.encode()) > PATH_MAX_BYTES or any(len(part.encode()) > PART_MAX_BYTES for part in parts):
        raise ValueError("is too long")
    return "/".join(parts)


def place_problem(path: str) -> str | None:
    """None, or what is wrong with `path` as a place in a container where a Volume is mounted."""
    if problem := mount_problem(path):
        return problem
    if path in _NEVER_AT:
        return "is a system path; choose one of its own, as in '/data'"
    if any(is_within(path, system) for system in _NEVER_BELOW):
        return "lies in a system path; choose one of its own, as in '/data'"
    return None


def overlaps(path: str, others: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Why a Volume can't be at `path`: words for each of `others` (what, where) that is there, below it or above it."""
    for what, other in others:
        if path == other:
            yield f"{what} is there too"
        elif is_within(path, other):
            yield f"it lies in {other}, where {what} is"
        elif is_within(other, path):
            yield f"it would hide {what} at {other}"


def is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
