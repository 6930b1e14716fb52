"""Takes away directories with whatever containers wrote into them. Knows nothing else of them."""

from __future__ import annotations

import contextlib
import os

from . import command

_PATIENCE_MS = 3_600_000


def remove(path: str) -> None:
    """What cannot be removed stays. By `rm`: it takes folders of any depth, and follows no symlink."""
    with contextlib.suppress(OSError):
        if os.path.lexists(path):
            command.run([command.find("rm"), "-rf", "--", path], timeout_ms=_PATIENCE_MS)
