"""A directory deeper than Python's recursion goes, and than a path can be long."""

from __future__ import annotations

import os
from pathlib import Path

LEVELS = 3000


def dig(top: Path) -> Path:
    """Below `top`, which is made. Its lowest folder has a file."""
    top.mkdir(parents=True)
    here = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(LEVELS):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    return top
