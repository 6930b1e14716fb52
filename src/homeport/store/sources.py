"""A manifest's files as a tree on disk: `<data dir>/sources/<digest of the list>/`, made once and never changed.

Owns that a tree is exactly its list. Two manifests with the same files share one tree. A tree is checked file by file the
first time that a process asks for it, so what a power cut or a hand did to it in the meantime is found and mended.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from ..errors import ExecutionError, InvalidError, NotFoundError, ResourceExhaustedError
from ..manifest.paths import clashes, relative_problem
from ..manifest.schema import SourceFile
from .blobs import Blobs
from .files import DISK_FULL, sync_directory


class Sources:
    def __init__(self, root: Path, blobs: Blobs) -> None:
        """Keep trees below `root`, which is made. Removes what an interrupted call left there."""
        self._root = root
        self._making = root / "making"
        self._blobs = blobs
        self._checked: set[str] = set()
        self._guard = threading.Lock()
        shutil.rmtree(self._making, ignore_errors=True)
        self._making.mkdir(parents=True)

    def materialise(self, files: Sequence[SourceFile]) -> Path:
        """The directory that holds exactly `files`, to be mounted read-only. Idempotent; all or nothing. Blocks.

        Raises ExecutionError or NotFoundError naming the first file whose blob is damaged or missing, InvalidError for
        paths that no tree can have, ResourceExhaustedError (its cause is the OSError) if the disk is full.
        """
        _refuse_impossible(files)
        name = tree_name(files)
        tree = self._root / name
        there = self._use(tree)
        if there and name in self._checked:
            return tree
        try:
            if there:
                self._fill(tree, files)
            else:
                self._make(tree, files)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise ResourceExhaustedError(
                f"disk full: no room for source files below {self._root}; free some space."
            ) from error
        self._checked.add(name)
        return tree

    def drop(self, name: str, unused_since_ms: int) -> bool:
        """Remove a tree, unless somebody asked for it since then. Returns whether it is gone; killed half way, it is."""
        tree = self._root / name
        aside = self._making / name
        with self._guard:
            if tree.is_dir():
                if tree.stat().st_mtime_ns >= unused_since_ms * 1_000_000:
                    return False
                self._checked.discard(name)
                tree.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
        return True

    def stored(self) -> Iterator[Path]:
        """Every tree."""
        return (tree for tree in self._root.iterdir() if tree != self._making)

    def _use(self, tree: Path) -> bool:
        """Whether it is here; if so it counts as used now."""
        with self._guard:
            try:
                os.utime(tree)
            except FileNotFoundError:
                return False
            return True

    def _make(self, tree: Path, files: Sequence[SourceFile]) -> None:
        aside = Path(tempfile.mkdtemp(dir=self._making))
        try:
            aside.chmod(0o755)
            self._fill(aside, files)
            _put(aside, tree)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        sync_directory(self._root)

    def _fill(self, tree: Path, files: Sequence[SourceFile]) -> None:
        for file in files:
            target = tree / PurePosixPath(file.path)
            if not _is_whole(target, file):
                target.parent.mkdir(parents=True, exist_ok=True)
                self._copy(file, target)

    def _copy(self, file: SourceFile, target: Path) -> None:
        """A copy and no link: what happens to the blob later does not reach a tree that containers look at."""
        handle, name = tempfile.mkstemp(dir=self._making)
        try:
            with open(handle, "wb") as copy:
                for chunk in self._blobs.chunks(file.digest):
                    copy.write(chunk)
                os.fchmod(copy.fileno(), 0o555 if file.executable else 0o444)
            os.rename(name, target)
        except (ExecutionError, NotFoundError) as error:
            os.unlink(name)
            raise type(error)(f"Source file {file.path!r} can't be used. {error.message}") from error
        except BaseException:
            os.unlink(name)
            raise


def _refuse_impossible(files: Sequence[SourceFile]) -> None:
    for file in files:
        problem = relative_problem(file.path)
        if problem:
            raise InvalidError(f"Source file {file.path!r} {problem}.")
    for path in clashes(file.path for file in files):
        raise InvalidError(f"Source file {path!r} is listed twice, or is also a folder.")


def tree_name(files: Sequence[SourceFile]) -> str:
    """The name of the directory that holds exactly these files."""
    lines = sorted([file.path, file.digest, file.executable] for file in files)
    return hashlib.sha256(json.dumps(lines, separators=(",", ":")).encode()).hexdigest()


def _put(aside: Path, tree: Path) -> None:
    """Where another deploy of the same files was first, its tree is the same, and this one is not needed."""
    try:
        aside.rename(tree)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _is_whole(target: Path, file: SourceFile) -> bool:
    try:
        with target.open("rb") as found:
            executable = bool(os.fstat(found.fileno()).st_mode & 0o111)
            return executable == file.executable and hashlib.file_digest(found, "sha256").hexdigest() == file.digest
    except FileNotFoundError:
        return False
