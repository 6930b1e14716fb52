"""Volumes as objects of the platform: made, listed, removed, and those that go with the program that made them."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

from ..client import volumes
from ..errors import Error, InvalidError, NotFoundError
from ..manifest.names import object_name_problem
from .connect import calls as reached
from .references import check_max_objects
from .twins import twin
from .volume import Volume, _check_version
from .volume_files import opened

if TYPE_CHECKING:
    from ..client.http import Client

HEARTBEAT_S = 300.0


class VolumeManager:
    """`Volume.objects`: creates, lists and deletes Volumes by name."""

    @twin
    def create(
        self,
        name: str,
        *,
        version: int | None = None,
        allow_existing: bool = False,
        environment_name: str | None = None,
        client: Client | None = None,
    ) -> None:
        """Creates the Volume `name`.

        allow_existing: leave one that exists as it is. version: as in `Volume.from_name`. environment_name: None is the
        current environment. client: None is the platform that this process is configured for.
        Raises AlreadyExistsError unless `allow_existing`, InvalidError for a name or version that is not legal.
        """
        _check_name(name)
        _check_version(version)
        with reached(client, environment_name) as (calls, environment):
            volumes.create(calls, name, environment, allow_existing=allow_existing)

    @twin
    def list(
        self,
        *,
        max_objects: int | None = None,
        created_before: datetime | str | None = None,
        environment_name: str | None = None,
        client: Client | None = None,
    ) -> list[Volume]:
        """The named Volumes of an environment, newest first.

        max_objects: return at most this many. created_before: only older ones; a time, or text as '2026-01-31'.
        environment_name: None is the current environment. client: None is the platform that this process is configured for.
        Raises InvalidError for a negative `max_objects` and for text that is no time.
        """
        check_max_objects(max_objects)
        limit = _time(created_before)
        with reached(client, environment_name) as (calls, environment):
            found = volumes.listed(calls, environment)
        if limit is not None:
            found = [line for line in found if datetime.fromisoformat(line["created_at"]) < limit]
        made = []
        for line in found[:max_objects]:
            volume = Volume.from_name(str(line["name"]), environment_name=line["environment"], client=client)
            volume._id = line["volume_id"]
            made.append(volume)
        return made

    @twin
    def delete(
        self,
        name: str,
        *,
        allow_missing: bool = False,
        environment_name: str | None = None,
        client: Client | None = None,
    ) -> None:
        """Deletes the Volume `name` and everything in it.

        allow_missing: do nothing if there is none. environment_name: None is the current environment. client: None is the
        platform that this process is configured for.
        Raises NotFoundError unless `allow_missing`.
        """
        volume = Volume.from_name(name, environment_name=environment_name, client=client)
        try:
            with opened(volume) as (calls, volume_id):
                volumes.delete(calls, volume_id)
        except NotFoundError:
            if not allow_missing:
                raise


class EphemeralVolume:
    """What `Volume.ephemeral()` gives; a thread tells the platform now and then that the program is still there."""

    def __init__(self, client: Client | None, environment: str | None) -> None:
        self._client = client
        self._environment = environment
        self._exits = ExitStack()

    def __enter__(self) -> Volume:
        with ExitStack() as exits:
            calls, environment = exits.enter_context(reached(self._client, self._environment))
            volume = Volume.from_id(volumes.create(calls, None, environment)["volume_id"], client=self._client)
            exits.callback(volumes.delete, calls, volume._id)
            over = threading.Event()
            beating = threading.Thread(target=_beat, args=(volume, over), daemon=True)
            beating.start()
            exits.callback(beating.join)
            exits.callback(over.set)
            self._exits = exits.pop_all()
        return volume

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._exits.close()

    async def __aenter__(self) -> Volume:
        import asyncio

        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        import asyncio

        await asyncio.to_thread(self.__exit__, kind, error, trace)


def rename(volume: Volume, name: str) -> None:
    _check_name(name)
    with opened(volume) as (calls, volume_id):
        volumes.rename(calls, volume_id, name)


def _beat(volume: Volume, over: threading.Event) -> None:
    while not over.wait(HEARTBEAT_S):
        try:
            with opened(volume) as (calls, volume_id):
                volumes.heartbeat(calls, volume_id)
        except Error:
            continue  # the next one may get through; the platform waits for three


def _check_name(name: str) -> None:
    if problem := object_name_problem("Volume", name):
        raise InvalidError(problem)


def _time(given: datetime | str | None) -> datetime | None:
    if given is None:
        return None
    try:
        return (datetime.fromisoformat(given) if isinstance(given, str) else given).astimezone()
    except ValueError:
        raise InvalidError(f"created_before {given!r} is no time; write it as in '2026-01-31'.") from None
