"""The router's own files, as texts. Knows no content."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import PlatformError
from ..runtime import durable


def write_if_changed(path: Path, text: str) -> bool:
    """As `durable.write`, unless the file already says so. Returns whether it was written."""
    if path.exists() and read(path) == text:
        return False
    durable.write(path, text.encode())
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
