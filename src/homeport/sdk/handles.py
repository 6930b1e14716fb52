"""What `Dict` and `Queue` have in common: finding one by name when it is first used, ones without a name, and managers.

Owns names and ids on this side; what is in them is `dict`'s and `queue`'s. Runs in containers too.
"""

from __future__ import annotations

from contextlib import contextmanager

from .references import check_max_objects, check_name
from .remote import is_local
from .twins import twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, Generic, Self, TypeVar

    from ..client.calls import Calls
    from ..client.http import Client
    from ..client.objects import ObjectInfo
else:
    from .twins import Generic, TypeVar

HEARTBEAT_S = 120.0


class Handle:
    """A Dict or Queue, by name or id. Creating one does no I/O."""

    _kind = ""  # as in routes
    _word = ""
    _name: str
    _environment: str | None
    _create: bool
    _id: str  # empty until it was found
    _client: Client | None

    def __init__(self) -> None:
        from ..errors import InvalidError

        raise InvalidError(f"Name a {self._word} by `{self._word}.from_name(...)`, not by `{self._word}()`.")

    @classmethod
    def from_name(
        cls,
        name: str,
        *,
        environment_name: str | None = None,
        create_if_missing: bool = False,
        client: Client | None = None,
    ) -> Self:
        """The object called `name`. Does no I/O: NotFoundError is raised at the first use.

        create_if_missing: create it at the first use if there is none. environment_name: where it is; None is the
        container's environment, or the client's. client: None is the platform that this process is configured for.
        Raises InvalidError for a name that is not legal.
        """
        if is_local():
            check_name(cls._word, name)
        return cls._made(name, "", client, environment=environment_name, create=create_if_missing)

    @classmethod
    def from_id(cls, object_id: str, *, client: Client | None = None) -> Self:
        """The object with the id `object_id`, whatever its name. Does no I/O: NotFoundError is raised at the first use.
        client: as in `from_name`.
        """
        return cls._made("", object_id, client)

    @classmethod
    def ephemeral(
        cls, *, client: Client | None = None, environment_name: str | None = None
    ) -> AbstractContextManager[Self]:  # fmt: skip
        """Context manager (`with` or `async with`) for an unnamed object, deleted on exit, or some minutes after this
        process died.

        client, environment_name: as in `from_name`.
        """
        made: AbstractContextManager[Self] = _ephemeral(cls, client, environment_name)
        return made

    @classmethod
    def _made(
        cls, name: str, object_id: str, client: Client | None, *, environment: str | None = None, create: bool = False
    ) -> Self:  # fmt: skip
        made = object.__new__(cls)
        made._name, made._id, made._client, made._environment, made._create = name, object_id, client, environment, create
        return made

    @property
    def name(self) -> str | None:
        """The name; None for an unnamed one and for one that was made from an id."""
        return self._name or None

    @property
    def object_id(self) -> str:
        """The id; looked up if it is not known yet. Raises NotFoundError."""
        with self._opened() as (_, object_id):
            return object_id

    @twin
    def hydrate(self, client: Client | None = None) -> Self:
        """Looks it up now and returns it. client: used for this and all later calls. Raises NotFoundError."""
        self._client = client or self._client
        with self._opened():
            return self

    @twin
    def info(self) -> ObjectInfo:
        """Its id, name, environment, creation time and creator. Raises NotFoundError."""
        from ..client import objects

        with self._opened() as (calls, object_id):
            return objects.info(calls, self._kind, object_id)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Calls, str]]:
        from ..client import objects
        from .connect import calls

        with calls(self._client, self._environment) as (connected, environment):
            if not self._id:
                self._id = objects.resolve(connected, self._kind, self._name, environment, create=self._create)
            yield connected, self._id

    def __repr__(self) -> str:
        return f"{self._word}.from_name({self._name!r})" if self._name else f"{self._word}.from_id({self._id!r})"


H = TypeVar("H")


class Manager(Generic[H]):
    """`Dict.objects` and `Queue.objects`: creates, lists and deletes them by name."""

    def __init__(self, kind: str, made: Callable[[str, str], H]) -> None:
        """made: from a name and an environment."""
        self._kind = kind
        self._made = made

    @twin
    def create(
        self,
        name: str,
        *,
        allow_existing: bool = False,
        environment_name: str | None = None,
        client: Client | None = None,
    ) -> None:
        """Creates an empty one called `name`.

        allow_existing: leave one that exists as it is. environment_name: None is the current environment. client: None is
        the platform that this process is configured for.
        Raises AlreadyExistsError unless `allow_existing`, InvalidError for a name that is not legal.
        """
        from ..client import objects
        from .connect import calls

        check_name(self._kind.capitalize().rstrip("s"), name)
        with calls(client, environment_name) as (connected, environment):
            objects.create(connected, self._kind, name, environment, allow_existing=allow_existing)

    @twin
    def list(
        self, *, max_objects: int | None = None, environment_name: str | None = None, client: Client | None = None
    ) -> list[H]:
        """All named ones of an environment, newest first.

        max_objects: return at most this many. environment_name: None is the current environment. client: None is the
        platform that this process is configured for.
        Raises InvalidError for a negative `max_objects`.
        """
        from ..client import objects
        from .connect import calls

        check_max_objects(max_objects)
        with calls(client, environment_name) as (connected, environment):
            found = objects.listed(connected, self._kind, environment)
        return [self._made(info["name"] or "", environment) for info in found[:max_objects]]

    @twin
    def delete(
        self,
        name: str,
        *,
        allow_missing: bool = False,
        environment_name: str | None = None,
        client: Client | None = None,
    ) -> None:
        """Deletes the one called `name` with all its contents.

        allow_missing: do nothing if there is none. environment_name: None is the current environment. client: None is the
        platform that this process is configured for.
        Raises NotFoundError unless `allow_missing`.
        """
        from ..client import objects
        from ..errors import NotFoundError
        from .connect import calls

        with calls(client, environment_name) as (connected, environment):
            try:
                object_id = objects.resolve(connected, self._kind, name, environment, create=False)
                objects.delete(connected, self._kind, object_id)
            except NotFoundError:
                if not allow_missing:
                    raise


class Ephemeral(Generic[H]):
    """A context manager for `with` and `async with`."""

    def __init__(self, made: Callable[[], AbstractContextManager[H]]) -> None:
        self._context = made()

    def __enter__(self) -> H:
        return self._context.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        return self._context.__exit__(*error)

    async def __aenter__(self) -> H:
        import asyncio

        return await asyncio.to_thread(self._context.__enter__)

    async def __aexit__(self, *error: Any) -> bool | None:
        import asyncio

        return await asyncio.to_thread(self._context.__exit__, *error)


def _ephemeral(cls: Any, client: Client | None, environment_name: str | None) -> Any:
    @contextmanager
    def living() -> Iterator[Any]:
        import threading

        from ..client import objects
        from .connect import calls

        with calls(client, environment_name) as (connected, environment):
            object_id = objects.create(connected, cls._kind, "", environment)["object_id"]
        over = threading.Event()
        threading.Thread(target=_keep_alive, args=(cls._kind, object_id, client, over), daemon=True).start()
        try:
            yield cls._made("", object_id, client)
        finally:
            over.set()
            with calls(client, environment_name) as (connected, _):
                objects.delete(connected, cls._kind, object_id)

    return Ephemeral(living)


def _keep_alive(kind: str, object_id: str, client: Client | None, over: Any) -> None:
    from ..client import objects
    from ..errors import Error
    from .connect import calls

    while not over.wait(HEARTBEAT_S):
        try:
            with calls(client, None) as (connected, _):
                objects.heartbeat(connected, kind, object_id)
        except Error:
            continue  # the next one may be heard; several may be missed
