"""Mounts an image's layers under a writable directory, in the calling process's mount namespace. Knows no container."""

from __future__ import annotations

import contextlib
import os
import shutil

from . import syscalls

_PAGE = 4096


def mount(layers: list[str], scratch: str, target: str, *, in_memory: bool) -> None:
    """`layers` uppermost first; what is written goes to `scratch`, or with `in_memory` to a tmpfs mounted there.

    Raises OSError with the kernel's reason.
    """
    if in_memory:
        syscalls.mount("tmpfs", scratch, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=755")
    upper, work = f"{scratch}/upper", f"{scratch}/work"
    for directory in (upper, work):
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o755)
    options = [*(("lowerdir+", layer) for layer in layers), ("upperdir", upper), ("workdir", work)]
    try:
        syscalls.mount_new("overlay", options, target, syscalls.MOUNT_ATTR_NODEV)
    except OSError as error:
        # Before Linux 6.7 there is no "lowerdir+". When the classic call fails too, the first error says more.
        if not _mount_classic(layers, upper, work, target):
            raise error from None


def private_mounts(hidden: str) -> None:
    """A mount namespace of our own that still follows the machine's; `hidden` ("" for none) is detached in it."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_SLAVE)
    if hidden:
        syscalls.umount(hidden)


def probe(directory: str, *, in_memory: bool) -> str:
    """Try a real overlay under `directory`: "" or why it fails. Forks, so that the mount never reaches the machine."""
    base = f"{directory}/probe"
    shutil.rmtree(base, ignore_errors=True)
    for name in ("lower", "scratch", "target"):
        os.makedirs(f"{base}/{name}")
    said, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        text = ""
        try:
            private_mounts("")
            mount([f"{base}/lower"], f"{base}/scratch", f"{base}/target", in_memory=in_memory)
            with open(f"{base}/target/file", "w", encoding="ascii"):
                pass
        except OSError as error:
            text = str(error)
        finally:
            os.write(says, text.encode()[:_PAGE])
            os._exit(0)
    os.close(says)
    text = os.read(said, _PAGE).decode()
    os.close(said)
    os.waitpid(pid, 0)
    shutil.rmtree(base, ignore_errors=True)
    return text


def _mount_classic(layers: list[str], upper: str, work: str, target: str) -> bool:
    text = f"lowerdir={':'.join(layers)},upperdir={upper},workdir={work}"
    try:
        if _fits_classic(layers):
            syscalls.mount("overlay", target, "overlay", syscalls.MS_NODEV, text)
            return True
    except OSError:  # the caller reports its own
        pass
    return False


def _fits_classic(layers: list[str]) -> bool:
    plain = not any(":" in layer or "," in layer for layer in layers)
    return plain and sum(len(layer) + 1 for layer in layers) < _PAGE - 512
