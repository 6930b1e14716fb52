"""Volumes by name and by id (semantics 6.2): which there are, what they may be called, and when their files go.

Deployed Apps hold ids, so a name that changes changes nothing for them, and a Volume that is deleted is gone for them even
when its name comes again (6.2.8). What is in a Volume is `store.volume_tree`'s.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from ..core import ids
from ..core.states import DeploymentState
from ..errors import AlreadyExistsError, ConflictError, Error, InvalidError, NotFoundError
from ..manifest import names
from ..manifest.schema import VolumeMount
from ..store import records
from ..store.manifests import Manifests
from ..store.volume_tree import VolumeTree
from ..store.volumes import VolumeRow, VolumeStore
from .environments import Environments
from .hints import did_you_mean
from .loop import ControlLoop
from .views import Json, iso

HEARTBEAT_LIMIT_S = 900.0  # a program that made a Volume for itself says three times in this time that it is still there


class Volumes:
    """Names are used from the control loop's thread only, so that between a look and a record nothing happens."""

    def __init__(self, store: VolumeStore, environments: Environments, loop: ControlLoop) -> None:
        self.table = store.table
        self.folders = store.folders
        self._environments = environments
        self._loop = loop
        # what was there before a restart gets as much time as what is new
        self._heard_s = {row.volume_id: time.monotonic() for row in self.table.live() if not row.name}
        environments.needed_by.append(self._refuse_environment)

    def resolve(self, name: str, environment: str, *, create_if_missing: bool, actor: str) -> Json:
        """Raises NotFoundError for what there is not, InvalidError for a name that is not legal, OSError for the disk."""
        self._environments.find(environment)
        row = self._named(name, environment)
        if row is not None:
            return {"volume_id": row.volume_id, "created": False}
        if not create_if_missing:
            hint = did_you_mean(name, (row.name for row in self._in(environment)))
            raise NotFoundError(
                f"Volume {name!r} not found in the {environment!r} environment.{hint} "
                f"Make it with `homeport volume create {name}`, or say create_if_missing=True."
            )
        return {"volume_id": self._write_new(name, environment, actor), "created": True}

    def create(self, name: str, environment: str, *, allow_existing: bool, actor: str) -> Json:
        """A new one; without a name one that lives while its program says so. Raises AlreadyExistsError; as `resolve`."""
        self._environments.find(environment)
        if not name:
            volume_id = self._write_new("", environment, actor)
            self._heard_s[volume_id] = time.monotonic()
            return self.info(volume_id)
        row = self._named(name, environment)
        if row is not None and not allow_existing:
            raise AlreadyExistsError(f"Volume {name!r} exists already in the {environment!r} environment.")
        return self.info(row.volume_id if row else self._write_new(name, environment, actor))

    def lines(self, environment: str) -> list[Json]:
        """Those with a name, newest first. Raises NotFoundError for an environment that there is not."""
        self._environments.find(environment)
        return [_line(row) for row in reversed(self._in(environment)) if row.name]

    def info(self, volume_id: str) -> Json:
        return _line(self.find(volume_id))

    def find(self, volume_id: str) -> VolumeRow:
        """Raises NotFoundError for one that is not there (any more)."""
        row = self.table.find(volume_id)
        if row is None or row.deleted_at_ms is not None:
            named = f" ({row.name!r})" if row and row.name else ""
            raise NotFoundError(f"There is no Volume {volume_id}{named} (any more); see `homeport volume list`.")
        return row

    def tree(self, volume_id: str) -> VolumeTree:
        """Raises as `find`."""
        row = self.find(volume_id)
        return self.folders.tree(row.volume_id, row.name or row.volume_id)

    def rename(self, volume_id: str, name: str, actor: str) -> Json:
        """Raises InvalidError, NotFoundError, AlreadyExistsError."""
        row = self.find(volume_id)
        if not row.name:
            raise InvalidError(f"Volume {volume_id} has no name, and goes with the program that made it.")
        if name != row.name:
            _refuse_name(name)
            if self._named(name, row.environment) is not None:
                raise AlreadyExistsError(f"Volume {name!r} exists already in the {row.environment!r} environment.")
            self._loop.note(records.volume_renamed(volume_id, row.name, name, actor))
        return self.info(volume_id)

    def delete(self, volume_id: str, actor: str) -> Json:
        """Its name is free at once; its files go when no container uses them any more (`volume_keeper`)."""
        row = self.find(volume_id)
        self._loop.note(records.volume_deleted(volume_id, row.name, actor))
        self._heard_s.pop(volume_id, None)
        return {"volume_id": volume_id, "name": row.name or None}

    def users(self, volume_id: str, manifests: Manifests) -> Json:
        """Apps whose version that is live, or on its way, mounts it. Raises NotFoundError."""
        self.find(volume_id)
        found = []
        for app in self._loop.world.apps.values():
            states = (DeploymentState.ROLLING, DeploymentState.LIVE)
            digests = {d.manifest_digest for d in app.deployments if d.state in states}
            if any(mount.volume_id == volume_id for _, mount in _mounts(digests, manifests)):
                found.append({"app_id": app.app_id, "name": app.name, "environment": app.environment})
        return {"apps": found}

    def heartbeat(self, volume_id: str) -> None:
        """The program that made this Volume for itself is still there. Raises NotFoundError."""
        if not self.find(volume_id).name:
            self._heard_s[volume_id] = time.monotonic()

    def forsaken(self) -> list[str]:
        """Ids of those without a name whose program has not been heard of for long."""
        now_s = time.monotonic()
        return [volume_id for volume_id, heard_s in self._heard_s.items() if now_s - heard_s > HEARTBEAT_LIMIT_S]

    def _refuse_environment(self, environment: str) -> None:
        there = [row.name for row in self._in(environment) if row.name]
        if there:
            raise ConflictError(
                f"The environment {environment!r} can't be deleted: it has Volumes ({', '.join(there[:5])}). "
                f"Delete them first (`homeport volume delete {there[0]} -e {environment}`)."
            )

    def _in(self, environment: str) -> list[VolumeRow]:
        return [row for row in self.table.live() if row.environment == environment]

    def _named(self, name: str, environment: str) -> VolumeRow | None:
        _refuse_name(name)
        return next((row for row in self._in(environment) if row.name == name), None)

    def _write_new(self, name: str, environment: str, actor: str) -> str:
        volume_id = ids.volume_id(self._loop.world.tag, self.table.count() + 1)
        self.folders.make(volume_id)  # first: one that is there in name only would be worse than a folder without a name
        self._loop.note(records.volume_created(volume_id, name, environment, actor))
        return volume_id


def _mounts(digests: set[str], manifests: Manifests) -> Iterator[tuple[str, VolumeMount]]:
    for digest in digests:
        try:
            manifest = manifests.get(digest)
        except Error:
            continue  # it can't be said what that version uses; nothing depends on this answer
        yield from ((server.name, mount) for server in manifest.servers for mount in server.volumes)


def _line(row: VolumeRow) -> Json:
    line: Mapping[str, object] = {
        "volume_id": row.volume_id,
        "name": row.name or None,
        "environment": row.environment,
        "created_at": iso(row.created_at_ms),
        "created_by": row.created_by,
    }
    return dict(line)


def _refuse_name(name: str) -> None:
    if problem := names.object_name_problem("Volume", name):
        raise InvalidError(problem)
