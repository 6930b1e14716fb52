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
    """Made by `Volume.from_name("data")`. Paths in a Volume are relative to it: `/a/b` and `a/b` are the same file."""

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
        """The Volume `name` of an environment (None: the App's, or the current one).

        version: accepted for source compatibility; there is one kind of Volume here, which has the limits of neither.
        Raises InvalidError for a name or version that is not legal. NotFoundError comes at the first use.
        """
        if is_local():
            check_name("Volume", name)
        _check_version(version)
        return cls._made(name, environment_name, create_if_missing, client)

    @classmethod
    def from_id(cls, volume_id: str, *, client: Client | None = None) -> Volume:
        """The Volume with this id (`vo-…`). NotFoundError comes at the first use."""
        made = cls._made("", None, False, client)
        made._id = volume_id
        return made

    @classmethod
    def ephemeral(
        cls, *, client: Client | None = None, environment_name: str | None = None, version: int | None = None
    ) -> EphemeralVolume:
        """A Volume without a name, for the time of a `with` (or `async with`) statement."""
        from .volume_objects import EphemeralVolume

        _check_version(version)
        return EphemeralVolume(client, environment_name)

    @property
    def name(self) -> str | None:
        return self._name or None

    @property
    def object_id(self) -> str:
        """`vo-…`. Looks the Volume up if nothing has done so before."""
        from .volume_files import hydrated

        return hydrated(self)

    def with_mount_options(self, *, read_only: bool | None = None, sub_path: str | PurePosixPath | None = None) -> Volume:
        """The same Volume, to be mounted otherwise. Methods that change its files work all the same.

        sub_path: the folder of the Volume that is seen at the mount's path; made if it is missing when a container starts.
        Raises InvalidError for a sub_path that leaves the Volume.
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
        """The same Volume, mounted read-only, and methods that change its files refused."""
        if self._read_only or self._sub_path:
            raise _invalid("read_only() can't be used on what with_mount_options() gave; use its read_only= instead.")
        made = self._copy()
        made._read_only = made._guarded = True
        return made

    @twin
    def commit(self) -> None:
        """What was written to the mounted Volume until now is there whatever happens to the container or the machine.

        Raises RuntimeError where this container has not mounted it, and when it could not be written to the disk.
        """
        from ..guest import volumes

        volumes.commit(self._id, self._name)

    @twin
    def reload(self) -> None:
        """Others' changes are seen from now on. Here they are seen at once anyway, so all that is left is what can go wrong.

        Raises RuntimeError while files of the Volume are open in this container, naming one, and as `commit`.
        """
        from ..guest import volumes

        volumes.reload(self._id, self._name)

    @twin
    def info(self) -> VolumeInfo:
        """Name, time of creation, and who made it. Raises NotFoundError, and what every call to the platform raises."""
        from .volume_files import info

        return info(self)

    @iterator_twin
    def iterdir(self, path: str, *, recursive: bool = True) -> Iterator[FileEntry]:
        """What is in the folder `path`, and with `recursive` in those below it; of a file, itself. Sorted by path.

        Raises FileNotFoundError, InvalidError for a path that leaves the Volume.
        """
        from .volume_files import iterdir

        return iterdir(self, path, recursive)

    @twin
    def listdir(self, path: str, *, recursive: bool = False) -> list[FileEntry]:
        """`iterdir` as a list."""
        from .volume_files import iterdir

        return list(iterdir(self, path, recursive))

    @iterator_twin
    def read_file(self, path: str) -> Iterator[bytes]:
        """A file's content, a piece at a time. Raises FileNotFoundError, InvalidError for a folder."""
        from .volume_files import read_file

        return read_file(self, path)

    @twin
    def read_file_into_fileobj(
        self, path: str, fileobj: IO[bytes], progress_cb: Callable[[int], None] | None = None
    ) -> int:  # fmt: skip
        """Writes a file's content to `fileobj`; returns its size in bytes.

        progress_cb: told of the size of each piece. Raises as `read_file`, and what `fileobj` raises.
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
        """Removes a file, or with `recursive` a folder and all that is in it. Raises FileNotFoundError, InvalidError."""
        from .volume_files import remove_file

        remove_file(self._changeable(), path, recursive)

    @twin
    def copy_files(self, src_paths: Sequence[str], dst_path: str, recursive: bool = False) -> None:
        """As `cp` inside of the Volume: to `dst_path`, or into it if it is a folder. Durable when it returns.

        Raises FileNotFoundError, InvalidError for what `cp` would not do either.
        """
        from .volume_files import copy_files

        copy_files(self._changeable(), src_paths, dst_path, recursive)

    def batch_upload(self, force: bool = False) -> VolumeUpload:
        """A `with` (or `async with`) statement, in which `put_file` and `put_directory` say what is sent at its end.

        force: replace files that are there. Else the end raises FileExistsError, and nothing was sent.
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
        """Deployed Apps hold ids: nothing changes for them. Raises NotFoundError, AlreadyExistsError, InvalidError."""
        from .volume_objects import rename

        rename(cls.from_name(old_name, environment_name=environment_name, client=client), new_name)

    @class_twin
    def delete(
        cls: type[Volume], name: str, *, client: Client | None = None, environment_name: str | None = None
    ) -> None:  # fmt: skip
        """Removes the Volume and all that is in it. Raises NotFoundError."""
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
