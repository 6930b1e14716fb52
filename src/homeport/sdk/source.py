"""The App's own source: which files of a module or package folder belong to it, and how large it may be. Sends nothing.

Left out: caches, version control, virtual environments and the like. A link that leaves the folder is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidError, ResourceExhaustedError
from . import scan, trees
from .origin import Root
from .scan import Found, Rules
from .trees import LocalTree

DEFAULT_LIMIT_MIB = 100

_FOLDERS_LEFT_OUT = frozenset((
    "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints",
    ".git", ".hg", ".svn", ".bzr", ".idea", ".vscode",
    ".venv", "venv", ".tox", ".nox", ".eggs", "node_modules",
))  # fmt: skip
_ENDS_LEFT_OUT = (".pyc", ".pyo", ".egg-info", ".swp", "~")
_FILES_LEFT_OUT = frozenset((".DS_Store", ".git"))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of the folder `root` is no source; also as `needs.LocalFiles.ignored`."""

    root: Path

    def __call__(self, path: Path) -> bool:
        here = self.root / path
        return self.of(path.as_posix(), here.is_dir() and not here.is_symlink())

    def can_prune_directories(self) -> bool:
        return True

    def of(self, path: str, is_folder: bool) -> bool:
        name = path.rpartition("/")[2]
        if name.endswith(_ENDS_LEFT_OUT) or name in _FILES_LEFT_OUT or name.startswith(".#"):
            return True
        return is_folder and (name in _FOLDERS_LEFT_OUT or os.path.exists(self.root / path / "pyvenv.cfg"))


def limit_bytes(environ: Mapping[str, str]) -> int:
    """The most that one App's source may have: HOMEPORT_SOURCE_LIMIT_MIB. Raises InvalidError if that is no number."""
    text = environ.get("HOMEPORT_SOURCE_LIMIT_MIB") or str(DEFAULT_LIMIT_MIB)
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise InvalidError(f"HOMEPORT_SOURCE_LIMIT_MIB must be a whole number of MiB above 0, not {text!r}.")
    return int(text) * 1024 * 1024


def tree_of(roots: Iterable[Root], limit: int) -> LocalTree:
    """All files of `roots`, at their paths below /root, hashed.

    limit: bytes in total. Raises ResourceExhaustedError above it, before anything is read; InvalidError for what can't
    be sent; ConflictError for a file that is written to meanwhile.
    """
    scans = [(root.local, scan.scan(root.local, root.path, Rules(LeftOut(root.local).of, inside=True))) for root in roots]
    found = [file for _, each in scans for file in each.files]
    total = sum(file.status.st_size for file in found)
    if total > limit:
        raise ResourceExhaustedError(_too_large(found, total, limit))
    return trees.of_scans(scans, "the deploy")


def _too_large(found: list[Found], total: int, limit: int) -> str:
    largest = sorted(found, key=lambda file: (-file.status.st_size, file.path))[:5]
    named = ", ".join(f"{file.local} ({_mib(file.status.st_size)})" for file in largest)
    return (
        f"The source has {_mib(total)}, and at most {_mib(limit)} can be uploaded. The largest files: {named}. "
        "Move data out of the package, or raise HOMEPORT_SOURCE_LIMIT_MIB."
    )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 1024 / 1024:.1f} MiB"
