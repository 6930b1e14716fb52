"""What the stores have in common about files: how trees of them go, and which errors are a full disk."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def remove_tree(path: Path) -> None:
    """With all that is in it; what cannot be removed stays. `rm` takes folders of any depth, and follows no symlink."""
    subprocess.run(["rm", "-rf", "--", str(path)], check=False)
