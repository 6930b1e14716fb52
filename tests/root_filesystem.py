"""A Debian base with python3 as a directory, for whoever starts real containers: made once, and kept in the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lacking import lacking

_INCLUDED = "python3"
_LEFT_OUT = ("man", "doc", "locale")


def directory() -> str:
    """HOMEPORT_TEST_ROOTFS, or what was bootstrapped; `lacking` where neither can be."""
    if given := os.environ.get("HOMEPORT_TEST_ROOTFS"):
        return given
    if os.geteuid() != 0:
        pytest.skip("needs root")
    target = Path.home() / ".cache/homeport-test/rootfs-bookworm"
    if not target.is_dir():
        _bootstrap(target)
    return str(target)


def _bootstrap(target: Path) -> None:
    """Into a name of its own first: a run that was cut off leaves nothing that looks finished."""
    if not shutil.which("mmdebstrap"):
        lacking("needs mmdebstrap, or HOMEPORT_TEST_ROOTFS=<directory of a root file system with python3>")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    argv = ["mmdebstrap", "--variant=minbase", f"--include={_INCLUDED}", "--format=directory"]
    argv += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    subprocess.run([*argv, "bookworm", str(partial)], check=True)
    try:
        partial.rename(target)
    except OSError:  # another run was faster
        shutil.rmtree(partial)
