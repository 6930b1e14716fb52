"""`Volume`: files that outlive containers. An immutable value; looks nothing up by being made. Runs in containers too.

What goes over the wire is in `volume_files`, which is loaded when it is first needed; `commit` and `reload` are the guest's.
"""

from __future__ import annotations

from .references import check_name
from .remote import is_local
from .twins import class_twin, iterator_twin, twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import PurePosixPath
    from typing import IO

    from ..client.http import Client
    from ..manifest.schema import VolumeMount
    from .needs import Resolver
    from .volume_files import FileEntry, VolumeInfo
    from .volume_objects import EphemeralVolume, VolumeManager
    from .volume_upload import VolumeUpload


class _Objects:
    """`Volume.objects`, loaded when it is first used."""

    def __get__(self, owner: Volume | None, owner_type: type) -> VolumeManager:
        from .volume_objects import VolumeManager

        return VolumeManager()


class Volume:
    """A shared folder for containers; get one by `Volume.from_name("data")`. Paths are relative to it: `/a/b` and `a/b` are
    the same file.
    """

    __slots__ = ("_client", "_create_if_missing", "_environment", "_guarded", "_id", "_name", "_read_only", "_sub_path")
    _name: str
    _environment: str | None
    _create_if_missing: bool
    _client: Client | None
    _id: str  # empty until it was looked up
    _read_only: bool
    _sub_path: str
    _guarded: bool  # by `read_only()`: also methods that change it are refused

    objects = _Objects()

    def __init__(self) -> None:
        from ..errors import InvalidError

        raise InvalidError("Name a Volume by `Volume.from_name(...)`, not by `Volume()`.")

    @classmethod
    def from_name(
        cls,
        name: str,
        *,
        environment_name: str | None = None,
        create_if_missing: bool = False,
        version: int | None = None,
        client: Client | None = None,
    ) -> Volume:
        """The Volume `name`. Does no I/O: NotFoundError is raised at the first use.

        create_if_missing: create it at the first use or deploy if there is none. environment_name: where it is; None is the
        App's environment, or the current one. client: None is the platform that this process is configured for.
        version: accepted for source compatibility; there is one kind of Volume here, which has the limits of neither.
        Raises InvalidError for a name or version that is not legal.
        """
        if is_local():
            check_name("Volume", name)
        _check_version(version)
        return cls._made(name, environment_name, create_if_missing, client)

    @classmethod
    def from_id(cls, volume_id: str, *, client: Client | None = None) -> Volume:
        """The Volume with the id `volume_id` (`vo-…`). Does no I/O: NotFoundError is raised at the first use. client: as in
        `from_name`.
        """
        made = cls._made("", None, False, client)
        made._id = volume_id
        return made

    @classmethod
    def ephemeral(
        cls, *, client: Client | None = None, environment_name: str | None = None, version: int | None = None
    ) -> EphemeralVolume:
        """Context manager (`with` or `async with`) for an unnamed Volume, deleted on exit. client, environment_name,
        version: as in `from_name`.
        """
        from .volume_objects import EphemeralVolume

        _check_version(version)
        return EphemeralVolume(client, environment_name)

    @property
    def name(self) -> str | None:
        """The name; None for an unnamed one and for one that was made from an id."""
        return self._name or None

    @property
    def object_id(self) -> str:
        """The id, `vo-…`; looked up if it is not known yet. Raises NotFoundError."""
        from .volume_files import hydrated

        return hydrated(self)

    def with_mount_options(self, *, read_only: bool | None = None, sub_path: str | PurePosixPath | None = None) -> Volume:
        """The same Volume with other mount options; None leaves one as it is. Methods that change its files still work.

        read_only: whether containers may only read it. sub_path: the folder of the Volume to mount; created when a container
        starts. Raises InvalidError for a sub_path that leaves the Volume.
        """
        if self._guarded:
            raise _invalid("with_mount_options() can't be used on what read_only() gave; use its read_only= instead.")
        made = self._copy()
        made._read_only = self._read_only if read_only is None else bool(read_only)
        if sub_path is not None:
            from ..manifest.volume_paths import inside

            try:
                made._sub_path = inside(str(sub_path))
            except ValueError as error:
                raise _invalid(f"The sub_path {str(sub_path)!r} {error}.") from None
        return made

    def read_only(self) -> Volume:
        """The same Volume, mounted read-only; its methods that change files are refused. Raises InvalidError after
        `with_mount_options`.
        """
        if self._read_only or self._sub_path:
            raise _invalid("read_only() can't be used on what with_mount_options() gave; use its read_only= instead.")
        made = self._copy()
        made._read_only = made._guarded = True
        return made

    @twin
    def commit(self) -> None:
        """Makes everything durable that this container wrote to the mounted Volume: it survives a crash of container and
        machine.

        Raises RuntimeError if this container has not mounted the Volume, or the disk fails.
        """
        from ..guest import volumes

        volumes.commit(self._id, self._name)

    @twin
    def reload(self) -> None:
        """Makes others' changes visible. Here they are visible at once anyway, so only the errors are left.

        Raises RuntimeError while files of the Volume are open in this container, naming one, and as `commit`.
        """
        from ..guest import volumes

        volumes.reload(self._id, self._name)

    @twin
    def info(self) -> VolumeInfo:
        """Its name, creation time and creator. Raises NotFoundError, and AuthError or ConnectionError as every call to the
        platform.
        """
        from .volume_files import info

        return info(self)

    @iterator_twin
    def iterdir(self, path: str, *, recursive: bool = True) -> Iterator[FileEntry]:
        """Iterates over the entries of the folder `path`, sorted by path; for a file, over itself.

        recursive: also those in folders below. Raises FileNotFoundError, InvalidError for a path that leaves the Volume.
        """
        from .volume_files import iterdir

        return iterdir(self, path, recursive)

    @twin
    def listdir(self, path: str, *, recursive: bool = False) -> list[FileEntry]:
        """`iterdir(path, recursive=recursive)` as a list."""
        from .volume_files import iterdir

        return list(iterdir(self, path, recursive))

    @iterator_twin
    def read_file(self, path: str) -> Iterator[bytes]:
        """Iterates over the contents of the file `path`, in pieces. Raises FileNotFoundError, InvalidError for a folder."""
        from .volume_files import read_file

        return read_file(self, path)

    @twin
    def read_file_into_fileobj(
        self, path: str, fileobj: IO[bytes], progress_cb: Callable[[int], None] | None = None
    ) -> int:  # fmt: skip
        """Writes the contents of the file `path` to `fileobj` and returns their size in bytes.

        progress_cb: called with the size in bytes of each piece. Raises as `read_file`, and what `fileobj` raises.
        """
        from .volume_files import read_file

        size_bytes = 0
        for chunk in read_file(self, path):
            fileobj.write(chunk)
            size_bytes += len(chunk)
            if progress_cb is not None:
                progress_cb(len(chunk))
        return size_bytes

    @twin
    def remove_file(self, path: str, recursive: bool = False) -> None:
        """Deletes the file `path`, or with `recursive` a folder and everything in it. Raises FileNotFoundError, InvalidError
        for a folder without `recursive`.
        """
        from .volume_files import remove_file

        remove_file(self._changeable(), path, recursive)

    @twin
    def copy_files(self, src_paths: Sequence[str], dst_path: str, recursive: bool = False) -> None:
        """Copies files within the Volume, as `cp` does; they are durable when it returns.

        src_paths: what to copy; folders only if `recursive`. dst_path: the copy, or an existing folder that gets the copies.
        Raises FileNotFoundError, InvalidError for what `cp` would refuse, too.
        """
        from .volume_files import copy_files

        copy_files(self._changeable(), src_paths, dst_path, recursive)

    def batch_upload(self, force: bool = False) -> VolumeUpload:
        """Context manager (`with` or `async with`): name files by its `put_file` and `put_directory`; they are sent on exit.

        force: replace files that exist. Otherwise the exit raises FileExistsError and nothing was sent.
        """
        from .volume_upload import VolumeUpload

        return VolumeUpload(self._changeable(), force)

    @class_twin
    def rename(
        cls: type[Volume],
        old_name: str,
        new_name: str,
        *,
        client: Client | None = None,
        environment_name: str | None = None,
    ) -> None:
        """Renames the Volume `old_name` to `new_name`. Deployed Apps hold its id, so nothing changes for them.

        client, environment_name: as in `from_name`. Raises NotFoundError, AlreadyExistsError, InvalidError.
        """
        from .volume_objects import rename

        rename(cls.from_name(old_name, environment_name=environment_name, client=client), new_name)

    @class_twin
    def delete(
        cls: type[Volume], name: str, *, client: Client | None = None, environment_name: str | None = None
    ) -> None:  # fmt: skip
        """Deletes the Volume `name` with its contents. client, environment_name: as in `from_name`. Raises NotFoundError."""
        from .volume_objects import VolumeManager

        VolumeManager().delete(name, client=client, environment_name=environment_name)

    def _mount(self, path: str, resolver: Resolver) -> VolumeMount:
        """At an absolute path, as the manifest names it. Raises what the resolver raises."""
        from ..manifest.schema import VolumeMount

        volume_id = self._id if not self._name else resolver.volume(self._name, self._environment, self._create_if_missing)
        return VolumeMount(path, volume_id, self._name, self._read_only, self._sub_path)

    def _changeable(self) -> Volume:
        if self._guarded:
            raise _invalid("Read-only Volume can not be written to.")
        return self

    @classmethod
    def _made(cls, name: str, environment: str | None, create_if_missing: bool, client: Client | None) -> Volume:
        made = object.__new__(cls)
        made._name, made._environment, made._create_if_missing = name, environment, create_if_missing
        made._client, made._id = client, ""
        made._read_only, made._sub_path, made._guarded = False, "", False
        return made

    def _copy(self) -> Volume:
        made = self._made(self._name, self._environment, self._create_if_missing, self._client)
        made._id, made._read_only, made._sub_path, made._guarded = self._id, self._read_only, self._sub_path, self._guarded
        return made

    def __repr__(self) -> str:
        return f"Volume.from_name({self._name!r})" if self._name else f"Volume.from_id({self._id!r})"


def _check_version(version: object) -> None:
    if version not in (None, 1, 2):
        raise _invalid("The `version` of a Volume must be either 1 or 2.")


def _invalid(message: str) -> Exception:
    from ..errors import InvalidError

    return InvalidError(message)
