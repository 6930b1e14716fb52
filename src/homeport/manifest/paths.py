"""Whether paths in a manifest can be laid out as files below a folder. Pure text; touches no file system."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

PATH_MAX_BYTES = 4096
PART_MAX_BYTES = 255
PARTS_MAX = 200  # so that whoever goes through it by recursion comes to an end
SYSTEM_PATHS = ("/proc", "/sys", "/dev", "/opt/homeport")

# Most paths are plainly fine, and a tree has thousands of them.
_PART = r"(?!\.{1,2}(?:/|\Z))[ -.0-~]{1,255}"
_FINE = re.compile(rf"{_PART}(?:/{_PART}){{0,{PARTS_MAX - 1}}}")


def not_plainly_fine(paths: Iterable[str]) -> list[str]:
    """Those that have to be looked at one by one, by `relative_problem`."""
    fine = _FINE.fullmatch
    return [path for path in paths if len(path) > PATH_MAX_BYTES or fine(path) is None]


def relative_problem(path: str) -> str | None:
    """None, or what is wrong with `path` as one that is relative, normalised and stays below its folder."""
    if not not_plainly_fine((path,)):
        return None
    if not path:
        return "is empty"
    if path.startswith("/"):
        return "is absolute; it must be relative to /root"
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return "holds a control character"
    parts = path.split("/")
    if ".." in parts:
        return "leaves its folder by '..'"
    if "" in parts or "." in parts:
        return "is not normalised"
    if _size(path) > PATH_MAX_BYTES or any(_size(part) > PART_MAX_BYTES for part in parts):
        return "is too long"
    if len(parts) > PARTS_MAX:
        return f"lies in more than {PARTS_MAX - 1} folders"
    return None


def mount_problem(path: str) -> str | None:
    """None, or what is wrong with `path` as a place in the container where something is mounted."""
    if not path.startswith("/"):
        return "must be absolute"
    if path in ("/", "/root"):
        return "would hide the container's own files"
    problem = relative_problem(path[1:])
    return problem and problem.replace("; it must be relative to /root", "")


def files_target_problem(path: str) -> str | None:
    """None, or what is wrong with `path` as a place in the container where uploaded files are shown.

    Unlike a Volume they hide nothing but files of the same name, so `/root` and `/etc` are good places.
    """
    if path == "/" or any(path == system or path.startswith(f"{system}/") for system in SYSTEM_PATHS):
        return "is a system path"
    return None if path == "/root" else mount_problem(path)


def clashes(paths: Iterable[str]) -> list[str]:
    """Each path that is given twice, or that is a file and, for another path, also a folder; sorted."""
    given = list(paths)
    seen = set(given)
    found = {path for path, times in Counter(given).items() if times > 1} if len(seen) < len(given) else set()
    folders = {path.rpartition("/")[0] for path in seen}
    todo = folders
    while todo := {folder.rpartition("/")[0] for folder in todo} - folders:
        folders |= todo
    return sorted(found | (folders - {""}) & seen)


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
