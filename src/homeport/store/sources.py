"""Trees on disk: `<data dir>/sources/<digest of the tree>/`, made once and never changed.

Owns that such a directory is exactly its tree. Its files are further names of the blobs' own (hard links), so that laying
out thousands of them writes none, and whether a file is the right one can be told without reading it. A directory is looked
through the first time that a process asks for it: what a power cut or a hand did to it meanwhile is found and mended.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ..errors import ExecutionError, InvalidError, NotFoundError, ResourceExhaustedError
from ..manifest.tree import Entry, File, Link, Tree
from ..runtime import durable
from .blobs import Blobs
from .files import DISK_FULL, remove_tree

THREADS = 4
PLACED_ALONE = 500  # so many files are not worth a thread


class Sources:
    def __init__(self, root: Path, blobs: Blobs) -> None:
        """Keep directories below `root`, which is made. Removes what an interrupted call left there."""
        self._root = root
        self._making = root / "making"
        self._blobs = blobs
        self._checked: set[str] = set()
        self._guard = threading.Lock()
        remove_tree(self._making)
        self._making.mkdir(parents=True)

    def materialise(self, tree: Tree) -> Path:
        """The directory that holds exactly `tree`, to be mounted read-only. Idempotent; all or nothing. Blocks.

        Raises ExecutionError or NotFoundError naming the first file whose blob is damaged or missing, InvalidError for a
        tree that is a single file, ResourceExhaustedError (its cause is the OSError) if the disk is full.
        """
        if tree.single:
            raise InvalidError("This is a single file, and no folder that could be laid out.")
        name = tree.digest
        there = self._use(name)
        if there and name in self._checked:
            return self._root / name
        try:
            if there:
                self._mend(self._root / name, tree)
            else:
                self._make(self._root / name, tree)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise ResourceExhaustedError(f"disk full: no room for files below {self._root}; free some space.") from error
        self._checked.add(name)
        return self._root / name

    def drop(self, name: str, unused_since_ms: int) -> bool:
        """Remove one, unless somebody asked for it since then. Returns whether it is gone; killed half way, it is."""
        directory = self._root / name
        aside = self._making / name
        with self._guard:
            if directory.is_dir():
                if directory.stat().st_mtime_ns >= unused_since_ms * 1_000_000:
                    return False
                self._checked.discard(name)
                directory.rename(aside)
        remove_tree(aside)
        return True

    def stored(self) -> Iterator[Path]:
        """Every directory."""
        return (directory for directory in self._root.iterdir() if directory != self._making)

    def _use(self, name: str) -> bool:
        """Whether it is here; if so it counts as used now."""
        with self._guard:
            try:
                os.utime(self._root / name)
            except FileNotFoundError:
                return False
            return True

    def _make(self, directory: Path, tree: Tree) -> None:
        aside = Path(tempfile.mkdtemp(dir=self._making))
        try:
            aside.chmod(0o755)
            self._fill(str(aside), tree.entries)
            self._name(aside, directory)
        except BaseException:
            remove_tree(aside)
            raise
        durable.sync_directory(self._root)

    def _fill(self, root: str, entries: Sequence[Entry]) -> None:
        """Side by side: almost all of the time is spent in the file system."""
        size = max(PLACED_ALONE, -(-len(entries) // THREADS))
        parts = [entries[start : start + size] for start in range(0, len(entries), size)]
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(partial(self._fill_part, root), parts):
                pass

    def _fill_part(self, root: str, entries: Sequence[Entry]) -> None:
        made: set[str] = set()
        for entry in entries:
            folder = entry.path.rpartition("/")[0]
            if folder not in made:
                os.makedirs(f"{root}/{folder}", 0o755, exist_ok=True)
                made.add(folder)
            self._place(entry, f"{root}/{entry.path}")

    def _name(self, aside: Path, directory: Path) -> None:
        """Of two threads that made the same, one is too late."""
        try:
            aside.rename(directory)
        except OSError:
            if not directory.is_dir():
                raise
            remove_tree(aside)

    def _mend(self, directory: Path, tree: Tree) -> None:
        """File by file and in its place: containers may be looking at it."""
        wanted = {entry.path: entry for entry in tree.entries}
        folders = {above for path in wanted for above in _above(path)}
        for path in _strays(directory, wanted, folders):
            _remove(path)
        made = {""}
        for entry in tree.entries:
            place = f"{directory}/{entry.path}"
            if not self._is_whole(entry, place):
                _make_above(str(directory), entry.path, made)
                _remove(place)
                self._place(entry, place)

    def _place(self, entry: Entry, place: str) -> None:
        if isinstance(entry, File):
            self._link(entry, place)
        elif isinstance(entry, Link):
            os.symlink(entry.target, place)
        else:
            os.mkdir(place, 0o755)

    def _link(self, file: File, place: str) -> None:
        try:
            blob = str(self._blobs.executable(file.digest)) if file.executable else self._blobs.place(file.digest)
            os.link(blob, place)
            if os.lstat(place).st_size != file.size_bytes:
                os.unlink(blob)
                raise ExecutionError(
                    f"Blob {file.digest} was damaged on disk and has been removed: deploy again to upload it."
                )
        except FileNotFoundError:
            raise NotFoundError(
                f"Source file {file.path!r} can't be used. Blob {file.digest} is not on the platform: deploy again to "
                "upload it."
            ) from None
        except (ExecutionError, NotFoundError) as error:
            raise type(error)(f"Source file {file.path!r} can't be used. {error.message}") from error
        except OSError as error:
            if error.errno in DISK_FULL:
                raise
            shutil.copy(blob, place)  # as many names as a file can have, or a file system that knows no second one

    def _is_whole(self, entry: Entry, place: str) -> bool:
        try:
            status = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return False
        if isinstance(entry, File):
            return self._is_file(entry, place, status)
        if isinstance(entry, Link):
            return stat.S_ISLNK(status.st_mode) and os.readlink(place) == entry.target
        return stat.S_ISDIR(status.st_mode)

    def _is_file(self, file: File, place: str, status: os.stat_result) -> bool:
        mode = stat.S_IFREG | (0o555 if file.executable else 0o444)
        if status.st_mode != mode or status.st_size != file.size_bytes:
            return False
        blob = self._blobs.place(file.digest) + ("x" if file.executable else "")
        try:
            if os.path.samestat(os.lstat(blob), status):
                return True
        except FileNotFoundError:
            pass
        with open(place, "rb") as found:
            return hashlib.file_digest(found, "sha256").hexdigest() == file.digest


def _make_above(root: str, path: str, made: set[str]) -> None:
    """The folders that `path` is in; `made` has those that need no look any more."""
    folder = path.rpartition("/")[0]
    if folder in made:
        return
    _make_above(root, folder, made)
    place = f"{root}/{folder}"
    if not os.path.isdir(place) or os.path.islink(place):
        _remove(place)
        os.mkdir(place, 0o755)
    made.add(folder)


def _strays(directory: Path, wanted: dict[str, Entry], folders: set[str]) -> list[str]:
    """What is there and doesn't belong."""
    found: list[str] = []
    todo = [""]
    while todo:
        below = todo.pop()
        with os.scandir(f"{directory}/{below}") as inside:
            for item in inside:
                path = f"{below}{item.name}"
                is_folder = item.is_dir(follow_symlinks=False)
                if is_folder and path in folders:
                    todo.append(f"{path}/")
                elif path not in wanted or (is_folder and os.listdir(item.path)):
                    found.append(item.path)
    return found


def _above(path: str) -> Iterator[str]:
    folder = path.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        remove_tree(Path(path))
    elif os.path.lexists(path):
        os.unlink(path)
