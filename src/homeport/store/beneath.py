"""Opening what lies below a folder that others write to: whatever they put there, nothing outside of it is reached.

Owns openat2(2) and the walk that makes folders. The kernel resolves the whole path beneath the folder in one step, so there
is no moment between a look and a use in which a symlink could be put in the way. Knows nothing of what the files are.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_SYS_OPENAT2 = 437  # the same on every architecture
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_TRIES = 100  # the kernel asks to try again while somebody renames folders on the way

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

_OPENED = os.O_NOCTTY | os.O_NONBLOCK  # opening a FIFO must not wait for its other end


def open_beneath(root: int, path: str, flags: int, *, follow: bool = True) -> int:
    """A descriptor of `path`, relative to the folder `root` (empty: the folder itself).

    Symlinks are followed as long as they stay below `root`; with `follow` false, none is.
    Raises OSError: EXDEV for a path that leaves `root`, ELOOP for a symlink that is not to be followed.
    """
    flags |= os.O_CLOEXEC | (0 if flags & os.O_PATH else _OPENED)
    how = struct.pack("=QQQ", flags, 0, _BENEATH | _NO_MAGICLINKS | (0 if follow else _NO_SYMLINKS))
    name = os.fsencode(path or ".")
    for _ in range(_TRIES):
        found: int = _libc.syscall(ctypes.c_long(_SYS_OPENAT2), root, name, how, ctypes.c_size_t(len(how)))
        if found >= 0:
            return found
        code = ctypes.get_errno()
        if code not in (errno.EAGAIN, errno.EINTR):
            raise OSError(code, os.strerror(code), path)
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)


@contextmanager
def opened(root: int, path: str, flags: int = os.O_RDONLY | os.O_DIRECTORY) -> Iterator[int]:
    """`open_beneath` for the time of a `with` statement: a folder, unless `flags` say otherwise."""
    descriptor = open_beneath(root, path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make_folders(root: int, path: str) -> int:
    """A descriptor of the folder `path` below `root`, made where it is missing (0755). Names on disk when it returns.

    Raises OSError as `open_beneath`, and ENOTDIR where a file is in the way.
    """
    current = os.dup(root)
    try:
        parts = [part for part in path.split("/") if part]
        for number, part in enumerate(parts, 1):
            # from the root each time: a relative symlink on the way may lead up and down again within it
            below = "/".join(parts[:number])
            try:
                following = open_beneath(root, below, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                _make(current, part)
                following = open_beneath(root, below, os.O_RDONLY | os.O_DIRECTORY)
            os.close(current)
            current = following
        return current
    except BaseException:
        os.close(current)
        raise


def sync_file_system(path: str) -> None:
    """syncfs(2): everything that was written to the file system of `path` is on disk when it returns. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _libc.syncfs(descriptor) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(descriptor)


def _make(folder: int, name: str) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=folder)
    except FileExistsError:
        return  # somebody else made it, or a symlink leads nowhere: opening it tells
    os.fsync(folder)
