"""The files of one Volume, for those who are not in a container with it: list, read, write, copy, remove.

Owns that a path never leads out of the Volume (everything goes through `beneath`), and that a file is whole or not there.
Knows no id, name or container. Paths are in the form of `manifest.volume_paths.inside`. Everything blocks, and raises
NotFoundError, InvalidError, AlreadyExistsError or ResourceExhaustedError in words, OSError for the disk.
"""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import AlreadyExistsError, Error, InvalidError, NotFoundError, ResourceExhaustedError
from .beneath import make_folders, open_beneath, opened
from .files import DISK_FULL
from .volume_arrival import Arrival

CHUNK_BYTES = 1024**2
_KINDS = ((stat.S_ISDIR, "directory"), (stat.S_ISLNK, "symlink"), (stat.S_ISFIFO, "fifo"), (stat.S_ISSOCK, "socket"))


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is relative to the Volume. `kind`: file, directory, symlink, fifo or socket; `mtime_s` since the epoch."""

    path: str
    kind: str
    mtime_s: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where an upload goes. Without `force` nothing is replaced; `mode` are its permission bits."""

    path: str
    force: bool = False
    mode: int = 0o644
    sync: bool = True  # on disk when it is acknowledged; else at the next commit


@dataclass(frozen=True, slots=True)
class VolumeTree:
    """`root` is the Volume's folder, `arriving` one on the same file system for what is not whole yet, `name` for people."""

    root: Path
    arriving: Path
    name: str

    def entry(self, path: str) -> Entry:
        """What is at `path`."""
        with self._root(path) as root, opened(root, path, os.O_PATH) as found:
            return _entry(path, os.fstat(found))

    def entries(self, path: str, *, recursive: bool, after: str = "") -> Iterator[Entry]:
        """What is in the folder `path`, sorted, folders before what is in them; of a file, itself.

        after: go on behind this path, which was in an earlier answer. Symlinks are listed, and not followed.
        """
        with self._root(path) as root:
            if (found := self.entry(path)).kind != "directory":
                if not after:
                    yield found
                return
            yield from _walk(root, path, recursive, tuple(after.split("/")) if after else ())

    def read(self, path: str) -> tuple[int, Iterator[bytes]]:
        """Size in bytes and content, in pieces. What is added to the file meanwhile is left out."""
        with self._root(path) as root:
            descriptor = open_beneath(root, path, os.O_RDONLY)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise InvalidError(f"'{path or '/'}' in Volume {self.name!r} is a {_kind(status.st_mode)}; name a file.")
        return status.st_size, _chunks(descriptor, status.st_size)

    def existing(self, paths: Sequence[str]) -> list[str]:
        """Those of `paths` where there is something."""
        found = []
        with self._root("") as root:
            for path in paths:
                try:
                    with opened(root, path, os.O_PATH | os.O_NOFOLLOW):
                        found.append(path)
                except (FileNotFoundError, NotADirectoryError):
                    continue
        return found

    def arrive(self, target: Target) -> Arrival:
        """An upload that is to become the file `target.path`; its folders are made. Refuses what can't work at once."""
        folder, name = self._split(target.path)
        with self._root(target.path) as root:
            parent = make_folders(root, folder)
            try:
                self._refuse_taken(parent, name, target)
                return Arrival(self.arriving, parent, name, target)
            except BaseException:
                os.close(parent)
                raise

    def remove(self, path: str, *, recursive: bool) -> None:
        """A file, a symlink, or with `recursive` a folder and all that is in it; of the Volume itself, all that is in it."""
        with self._root(path) as root:
            if not path:
                self._refuse_folder(path, recursive)
                for name in os.listdir(root):
                    self._remove(root, name)
                os.fsync(root)
                return
            folder, _, name = path.rpartition("/")
            with opened(root, folder) as parent:
                if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                    self._refuse_folder(path, recursive)
                self._remove(parent, name)
                os.fsync(parent)

    def copy(self, sources: Sequence[str], destination: str, *, recursive: bool) -> None:
        """As `cp`: into `destination` if it is a folder, else as it. Several sources want a folder."""
        into = self._is_folder(destination)
        if len(sources) > 1 and not into:
            raise InvalidError(
                f"'{destination}' in Volume {self.name!r} is not a folder; several files can only go into one."
            )
        for source in sources:
            target = "/".join(part for part in (destination, source.rpartition("/")[2]) if part) if into else destination
            found = self.entry(source)
            if found.kind == "directory":
                self._refuse_folder(source, recursive)
                if not source or target == source or target.startswith(f"{source}/"):
                    raise InvalidError(f"'{source or '/'}' can't be copied into itself ('{target or '/'}').")
            elif target == source:
                raise InvalidError(f"'{source}' and '{target}' are the same file.")
            below = list(self.entries(source, recursive=True)) if found.kind == "directory" else []
            for entry in (found, *below):
                self._copy(entry, target + entry.path[len(source) :])

    def _copy(self, found: Entry, target: str) -> None:
        """One thing, and not what is in it. FIFOs and sockets belong to those who made them."""
        if found.kind == "symlink":
            self._copy_link(found.path, target)
        elif found.kind == "directory":
            with self._root(target) as root:
                os.close(make_folders(root, target))
        elif found.kind == "file":
            with self._root(found.path) as root, opened(root, found.path, os.O_RDONLY) as source:
                mode = stat.S_IMODE(os.fstat(source).st_mode) & 0o777
                _, chunks = self.read(found.path)
                with self.arrive(Target(target, force=True, mode=mode, sync=False)) as arrival:
                    for chunk in chunks:
                        arrival.write(chunk)
                    arrival.finish()

    def _copy_link(self, path: str, target: str) -> None:
        """A symlink stays what it is; where it leads is looked at by whoever follows it."""
        folder, _, name = path.rpartition("/")
        with self._root(path) as root, opened(root, folder) as parent:
            leads_to = os.readlink(name, dir_fd=parent)
            target_folder, target_name = self._split(target)
            into = make_folders(root, target_folder)
            try:
                os.symlink(leads_to, target_name, dir_fd=into)
            except FileExistsError:
                raise AlreadyExistsError(f"'{target}' exists already in Volume {self.name!r}; remove it first.") from None
            finally:
                os.close(into)

    def _remove(self, folder: int, name: str) -> None:
        """Under its name it is whole or gone. `rm` takes folders of any depth, whatever is put into them meanwhile."""
        if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=folder)
            return
        with tempfile.TemporaryDirectory(dir=self.arriving, ignore_cleanup_errors=True) as aside:
            os.rename(name, f"{aside}/gone", src_dir_fd=folder)
            subprocess.run(["rm", "-rf", "--", f"{aside}/gone"], check=False)

    def _is_folder(self, path: str) -> bool:
        try:
            return self.entry(path).kind == "directory"
        except NotFoundError:
            return False

    def _refuse_folder(self, path: str, recursive: bool) -> None:
        if not recursive:
            raise InvalidError(f"'{path or '/'}' in Volume {self.name!r} is a folder; that needs recursive (-r).")

    def _refuse_taken(self, parent: int, name: str, target: Target) -> None:
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(status.st_mode):
            raise InvalidError(f"'{target.path}' in Volume {self.name!r} is a folder; a file can't take its place.")
        if not target.force:
            raise AlreadyExistsError(f"'{target.path}' exists already in Volume {self.name!r}; --force (-f) overwrites it.")

    def _split(self, path: str) -> tuple[str, str]:
        folder, _, name = path.rpartition("/")
        if not name:
            raise InvalidError(f"'/' is Volume {self.name!r} itself; name a file in it.")
        return folder, name

    @contextmanager
    def _root(self, path: str) -> Iterator[int]:
        """A descriptor of the Volume's folder. What fails in its `with` statement is told in words about `path`."""
        try:
            root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFoundError(f"Volume {self.name!r} is gone.") from None
        try:
            yield root
        except OSError as error:
            if (told := self._in_words(path, error)) is None:
                raise
            raise told from error
        finally:
            os.close(root)

    def _in_words(self, path: str, error: OSError) -> Error | None:
        where = f"'{path or '/'}' in Volume {self.name!r}"
        if error.errno == errno.ENOENT:
            return NotFoundError(f"There is no {where}.")
        if error.errno in (errno.EXDEV, errno.ELOOP):
            return InvalidError(f"{where} leads out of the Volume by a symlink; name the file itself.")
        if error.errno == errno.ENOTDIR:
            return InvalidError(f"{where} can't be: a part of it is a file, not a folder.")
        if error.errno in (errno.ENXIO, errno.ENAMETOOLONG):
            return InvalidError(f"{where} can't be opened: {error.strerror}.")
        if error.errno in DISK_FULL:
            return ResourceExhaustedError(f"disk full: no room for {where}; free some space and try again.")
        return None


def _walk(root: int, path: str, recursive: bool, after: tuple[str, ...]) -> Iterator[Entry]:
    """Without recursion: whoever fills a Volume decides how deep it is."""
    waiting = _names(root, path)
    while waiting:
        below = waiting.pop()
        parts = tuple(below.split("/"))
        if parts < after[: len(parts)]:
            continue
        try:
            with opened(root, below, os.O_PATH | os.O_NOFOLLOW) as found:
                status = os.fstat(found)
            if parts > after:
                yield _entry(below, status)
            if recursive and stat.S_ISDIR(status.st_mode):
                waiting += _names(root, below)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it has just gone, or something else has taken its place


def _names(root: int, path: str) -> list[str]:
    """Paths of what is in a folder, the first one last."""
    with opened(root, path) as folder:
        return [f"{path}/{name}" if path else name for name in sorted(os.listdir(folder), reverse=True)]


def _entry(path: str, status: os.stat_result) -> Entry:
    kind = _kind(status.st_mode)
    return Entry(path, kind, int(status.st_mtime), status.st_size if kind == "file" else 0)


def _kind(mode: int) -> str:
    return next((word for test, word in _KINDS if test(mode)), "file")


def _chunks(descriptor: int, size_bytes: int) -> Iterator[bytes]:
    with open(descriptor, "rb", buffering=0) as file:
        left = size_bytes
        while left and (chunk := file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
