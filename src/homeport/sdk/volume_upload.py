"""A batch of local files on their way into a Volume. Owns what is sent, and that nothing is unless all of it can be.

Each file arrives whole or not at all; all of them are on the platform's disk when the batch ends. Nothing is unpacked.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, TYPE_CHECKING, BinaryIO, Self

from ..client import volumes
from ..errors import ConflictError, InvalidError
from ..manifest.volume_paths import inside
from .scan import leads_out, where_it_leads
from .volume_files import opened

if TYPE_CHECKING:
    from ..client.calls import Calls, Parameters
    from .volume import Volume

CHUNK_BYTES = 1024**2
PERMISSIONS = 0o777

Sent = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _Upload:
    """`content` is a file to be opened, or one that is open at the place to read from."""

    path: str
    content: Path | IO[bytes]
    size_bytes: int
    mode: int


class VolumeUpload:
    """What `Volume.batch_upload()` returns. Local files are checked when they are named, and read on exit."""

    def __init__(self, volume: Volume, force: bool, sent: Sent | None = None) -> None:
        """sent: told of the size in bytes of each piece that was sent."""
        self._volume = volume
        self._force = force
        self._sent = sent
        self._uploads: dict[str, _Upload] = {}

    @property
    def size_bytes(self) -> int:
        """The size of everything that was named until now."""
        return sum(upload.size_bytes for upload in self._uploads.values())

    def put_file(self, local_file: str | os.PathLike[str] | BinaryIO, remote_path: str, mode: int | None = None) -> None:
        """Adds one file.

        local_file: its path, or an open binary file, sent from its position on. remote_path: its path in the Volume; missing
        folders are created. mode: its permission bits; None takes those of the local file.
        Raises FileNotFoundError, InvalidError for a folder or a path that leaves the Volume.
        """
        path = _inside(remote_path)
        if not path or str(remote_path).endswith("/"):
            raise InvalidError(f"remote_path {str(remote_path)!r} is a folder; name the file, as in '/folder/file.txt'.")
        if isinstance(local_file, (str, os.PathLike)):
            self._put_path(Path(local_file), path, mode)
            return
        start = local_file.tell()
        size_bytes = local_file.seek(0, io.SEEK_END) - start
        local_file.seek(start)
        self._add(_Upload(path, local_file, size_bytes, 0o644 if mode is None else mode & PERMISSIONS))

    def put_directory(
        self, local_path: str | os.PathLike[str], remote_path: str | PurePosixPath, recursive: bool = True
    ) -> None:  # fmt: skip
        """Adds all files of a folder. Symlinks to files in the folder are followed.

        local_path: the folder. remote_path: the folder of the Volume that gets them. recursive: also files in folders below.
        Raises NotADirectoryError, InvalidError for symlinks that lead out of the folder, to a folder or nowhere, and as
        `put_file`.
        """
        folder = Path(local_path)
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is not a folder on this machine.")
        target = _inside(str(remote_path))
        for where, folders, names in os.walk(folder):
            folders.sort()
            if not recursive:
                folders.clear()
            for name in sorted([*names, *(each for each in folders if Path(where, each).is_symlink())]):
                local = Path(where, name)
                _refuse_link_out(local, folder)
                self._put_path(local, _inside(f"{target}/{local.relative_to(folder).as_posix()}"), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self._send()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        import asyncio

        if error is None:
            await asyncio.to_thread(self._send)

    def _put_path(self, local: Path, path: str, mode: int | None) -> None:
        status = local.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder; use put_directory" if stat.S_ISDIR(status.st_mode) else "no file that could be sent"
            raise InvalidError(f"{local} is {what}.")
        given = status.st_mode if mode is None else mode
        self._add(_Upload(path, local, status.st_size, given & PERMISSIONS))

    def _add(self, upload: _Upload) -> None:
        if upload.path in self._uploads:
            raise InvalidError(f"Two files of this upload would both be '/{upload.path}'.")
        self._uploads[upload.path] = upload

    def _send(self) -> None:
        if not self._uploads:
            return
        with opened(self._volume) as (calls, volume_id):
            if not self._force and (there := volumes.existing(calls, volume_id, list(self._uploads))):
                more = f" (and {len(there) - 1} more of these files)" if there[1:] else ""
                raise FileExistsError(f"'/{there[0]}'{more} exists already in the Volume; force=True (-f) overwrites it.")
            for upload in self._uploads.values():
                self._send_one(calls, volume_id, upload)
            volumes.commit(calls, volume_id)  # once for all of them

    def _send_one(self, calls: Calls, volume_id: str, upload: _Upload) -> None:
        params: Parameters = {"path": upload.path, "force": self._force, "mode": upload.mode, "sync": False}
        if isinstance(upload.content, Path):
            with upload.content.open("rb") as file:
                volumes.write(calls, volume_id, self._pieces(file, upload), upload.size_bytes, params)
        else:
            volumes.write(calls, volume_id, self._pieces(upload.content, upload), upload.size_bytes, params)

    def _pieces(self, file: IO[bytes], upload: _Upload) -> Iterator[bytes]:
        left = upload.size_bytes
        while left:
            chunk = file.read(min(CHUNK_BYTES, left))
            if not chunk:
                raise ConflictError(f"{upload.content} became shorter while it was sent; send it again.")
            left -= len(chunk)
            yield chunk
            if self._sent is not None:
                self._sent(len(chunk))
        if file.read(1):
            raise ConflictError(f"{upload.content} became longer while it was sent; send it again.")


def _refuse_link_out(local: Path, top: Path) -> None:
    """A folder that came from somebody else must not bring along what lies elsewhere on this machine."""
    if not local.is_symlink():
        return
    real, base = where_it_leads(str(local)), os.path.realpath(top)
    if not real.startswith(f"{base.rstrip('/')}/"):
        raise InvalidError(leads_out(str(local), real, str(top), inside=False))
    if os.path.isdir(real):
        raise InvalidError(f"{local} is a link to a folder, {real}; put a copy there instead, or remove it.")


def _inside(path: str) -> str:
    try:
        return inside(path)
    except ValueError as error:
        raise InvalidError(f"The path {path!r} {error}.") from None
