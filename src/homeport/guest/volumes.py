"""Volumes as a container has them: `commit`, and `reload` with its one way to fail. Standard library only.

A mounted Volume is a directory of the machine that all its containers share. So what one writes the others see at once;
what `commit` adds is that it outlives the machine's power.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOUNTED = "HOMEPORT_VOLUMES"  # JSON: [[path, id, name, read only]…], as the platform mounted them


def commit(volume_id: str, name: str) -> None:
    """What was written to this Volume is on the disk when it returns. Either of id and name says which.

    Raises RuntimeError where it is not mounted, and when the disk fails.
    """
    for path in _paths(volume_id, name):
        _sync(path)


def reload(volume_id: str, name: str) -> None:
    """Raises RuntimeError while this container has files of the Volume open, naming one of them; and as `commit`."""
    for path in _paths(volume_id, name):
        if found := next(_open_files(path), ""):
            raise RuntimeError(f"volume busy: there are open files preventing the operation: {found}")


def commit_all() -> None:
    """Everything this container may have written; for its end. Raises RuntimeError."""
    for path, _, _, read_only in _mounted():
        if not read_only:
            _sync(path)


def _paths(volume_id: str, name: str) -> list[str]:
    found = [path for path, its_id, its_name, _ in _mounted() if (its_id == volume_id if volume_id else its_name == name)]
    if not found:
        raise RuntimeError(
            f"Volume {name or volume_id!r} is not mounted in this container; commit() and reload() need it in `volumes=`."
        )
    return found


def _mounted() -> list[tuple[str, str, str, bool]]:
    told = os.environ.get(MOUNTED)
    if not told:
        return []
    import json

    return [(path, volume_id, name, read_only) for path, volume_id, name, read_only in json.loads(told)]


def _sync(path: str) -> None:
    try:
        _sync_file_system(path)
    except OSError as error:
        raise RuntimeError(f"What was written to {path} could not be committed: {error.strerror or error}.") from error


def _sync_file_system(path: str) -> None:
    """syncfs(2), of this file system alone. A Python without ctypes syncs all of them, and hears of no error."""
    try:
        import ctypes
    except ImportError:
        os.sync()
        return
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if libc.syncfs(descriptor) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(descriptor)


def _open_files(mount: str) -> Iterator[str]:
    """What processes of this container have in the Volume, in words."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        if (where := _link(f"/proc/{pid}/cwd")) and _is_within(where, mount):
            yield f"cwd of process {pid} is {where}"
        try:
            numbers = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue  # it has just ended, or is none of ours
        for number in numbers:
            where = _link(f"/proc/{pid}/fd/{number}")
            if where and _is_within(where, mount):
                by = "" if int(pid) == os.getpid() else f" by process {pid}"
                yield f"path {where[len(mount.rstrip('/')) + 1 :] or '/'} is open{by}"


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
