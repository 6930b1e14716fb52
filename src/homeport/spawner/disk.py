"""A file system of a given size for what one container writes: when that is full, the machine's disk is not.

It lies in a file without a name behind a loop device, so the kernel frees all of it with its last mount, whatever dies
before. The file has holes: what is not written takes no room, and what is deleted gives it back. Knows no container.
"""

from __future__ import annotations

import os

from . import command

_MIB = 1 << 20
_INODE_BYTES, _BYTES_PER_INODE = 256, 16384
# Said one by one, because machines' defaults differ; without a journal: nobody ever mounts it a second time.
_FEATURES = (
    *("none", "dir_index", "dir_nlink", "ext_attr", "extent", "extra_isize", "filetype", "flex_bg"),
    *("huge_file", "large_file", "metadata_csum", "sparse_super", "64bit"),
)
_OPTIONS = "loop,discard,nodev,noatime,noinit_itable"


def mount(place: str, mib: int) -> None:
    """On the directory `place`, in the calling process's mount namespace, with room for `mib`. Raises OSError."""
    image = f"{place}.img"
    fd = os.open(image, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(fd, _size(mib))
        shape = ["-b", "4096", "-I", str(_INODE_BYTES), "-i", str(_BYTES_PER_INODE), "-m", "0", "-O", ",".join(_FEATURES)]
        _run("mkfs.ext4", "e2fsprogs", "-q", "-F", *shape, "-E", "lazy_itable_init=1,nodiscard", image)
        _run("mount", "mount", "-t", "ext4", "-o", _OPTIONS, image, place)
    finally:
        os.close(fd)
        os.unlink(image)


def _size(mib: int) -> int:
    """With what the file system needs for itself: a table of inodes, maps of what is free, and a little."""
    tables = mib * _MIB * _INODE_BYTES // (_BYTES_PER_INODE - _INODE_BYTES)
    return mib * _MIB + tables + mib * _MIB // 2048 + 4 * _MIB


def _run(program: str, package: str, *arguments: str) -> None:
    path = command.find(program)
    if not path:
        raise OSError(f"{program} is not installed, which ephemeral_disk= needs: apt-get install {package}")
    result = command.run([path, *arguments])
    if result.code:
        raise OSError(f"{program} failed, which ephemeral_disk= needs: {' '.join(result.output.split())}")
