"""Shows folders that containers write to: opened without following anything that a container may have put in the way.

Whatever lies in `<data dir>/volumes/ID/` was written by users' code. A path in there is walked one folder at a time, each by
the descriptor of the one before, and refused where a symlink is met; then it is mounted on a folder of ours, whose name is
safe to hand on. Knows no container.
"""

from __future__ import annotations

import contextlib
import os

from . import syscalls

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def relative(data_dir: str, source: str) -> str | None:
    """What follows `<data dir>/volumes/` in `source`; None for a path that is not in there."""
    root = f"{data_dir}/volumes/"
    return source[len(root) :] if source.startswith(root) else None


def show(data_dir: str, path: str, place: str) -> None:
    """Mounts the folder `path` of the Volumes at `place`, which is made. Below the Volume itself, missing folders are made.

    Raises OSError in words: a Volume that is gone, a file or symlink on the way.
    """
    os.makedirs(place, 0o700, exist_ok=True)
    folder = _walk(data_dir, path)
    try:
        syscalls.mount(f"/proc/self/fd/{folder}", place, "", syscalls.MS_BIND)
    finally:
        os.close(folder)


def _walk(data_dir: str, path: str) -> int:
    volume_id, *parts = (part for part in path.split("/") if part)
    current = os.open(f"{data_dir}/volumes", _FOLDER)
    try:
        for number, part in enumerate((volume_id, *parts)):
            if part in (".", ".."):
                raise OSError(f"{path} leaves its Volume")
            if number:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=current)
            following = _enter(current, part, volume_id, "/".join(parts[:number]))
            os.close(current)
            current = following
        return current
    except BaseException:
        os.close(current)
        raise


def _enter(current: int, part: str, volume_id: str, shown: str) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=current)
    except FileNotFoundError:
        raise OSError(f"Volume {volume_id} is gone; make it again if need be, and deploy the App again") from None
    except NotADirectoryError:
        raise OSError(f"the sub_path {shown} of Volume {volume_id} is a file or symlink, and no folder") from None
