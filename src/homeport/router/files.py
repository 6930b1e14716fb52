"""Files that are either the old or the new text, also after a power cut. Owns writing; knows no content."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from ..errors import PlatformError


def write(path: Path, text: str) -> None:
    """Replace the file in one step, durably, with mode 0600. Raises OSError with the old file untouched."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def write_if_changed(path: Path, text: str) -> bool:
    """As `write`, unless the file already says so. Returns whether it was written."""
    if path.exists() and read(path) == text:
        return False
    write(path, text)
    return True


def read(path: Path) -> str:
    """The file's text, or nothing when it is not there."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def private_directory(path: Path) -> None:
    """Make it with mode 0700. Raises PlatformError when it belongs to somebody else or is not a plain directory."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PlatformError(
            f"The directory {path} does not belong to this platform's user; remove it, then start homeport again."
        )
    path.chmod(0o700)


def tail(path: Path, lines: int) -> str:
    """The last lines of a log, for messages."""
    return "\n".join(read(path).splitlines()[-lines:])


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
