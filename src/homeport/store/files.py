"""Files that are whole or not there: written aside, synced, renamed. Owns durability of single files, and how
trees of them go; knows no content."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, for its owner alone (0600), durable on return. Raises OSError and leaves the old."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def remove_tree(path: Path) -> None:
    """With all that is in it; what cannot be removed stays. `rm` takes folders of any depth, and follows no symlink."""
    subprocess.run(["rm", "-rf", "--", str(path)], check=False)


def sync_directory(path: Path) -> None:
    """Make names in this directory (new, renamed, removed) survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
