"""Which generic back end ("slot") of the data plane serves which route, and which server line stands for which container.

HAProxy cannot make back ends at run time, so a number of them is declared in advance and routes are given to them:

    FREE --assign--> ACTIVE --route is gone--> DRAINING --all its servers are deleted--> FREE

A slot that drains is not given away: its servers may still finish requests. A server line has states of its own:
SERVING, DRAINING (gets no new request, the ones it has go on), LEAVING (to be deleted as soon as the data plane lets us).

Pure bookkeeping: no socket, no file, no clock. It refuses to know how a line is written or whether the data plane follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from ..core.routes import Route, Target
from ..errors import InvalidError

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ADDRESS = re.compile(r"[0-9.]+:[0-9]{1,5}")
NO_SLOT = "-"  # stands in the host map for a route that was stopped and has no container left


class SlotState(StrEnum):
    FREE = "free"
    ACTIVE = "active"
    DRAINING = "draining"


class ServerState(StrEnum):
    SERVING = "serving"
    DRAINING = "draining"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Server:
    """One container as a server line. `server_id` is unique over all slots, so that its sessions can be named by it."""

    container_id: str
    address: str
    server_id: int
    h2: bool = False
    max_concurrency: int = 0
    state: ServerState = ServerState.SERVING


@dataclass(slots=True)
class Slot:
    name: str
    state: SlotState = SlotState.FREE
    app_id: str = ""
    host: str = ""
    servers: dict[str, Server] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostEntry:
    """One line of the host map: everything the data plane must know to carry a request of this host."""

    slot: str
    environment: str
    authenticated: bool
    max_concurrency: int
    h2: bool
    stopped: bool
    app_id: str
    service_id: str
    retry_after_s: int = 1
    sessioned: bool = False

    @classmethod
    def of(cls, route: Route, slot: str) -> HostEntry:
        return cls(
            slot,
            route.environment,
            route.authenticated,
            route.max_concurrency,
            route.h2,
            route.stopped,
            route.app_id,
            route.service_id,
            route.retry_after_s,
            route.sessioned,
        )

    @classmethod
    def parse(cls, text: str) -> HostEntry | None:
        """The reverse of `text`; None for a line that is not ours."""
        part = text.split("|")
        if len(part) != 9 or not (part[3] + part[8]).isdigit():
            return None
        slot, environment, auth, limit, h2, stopped, app_id, service_id, retry = part
        flags = (auth in ("1", "3"), int(limit), h2 == "1", stopped == "1")
        return cls(slot, environment, *flags, app_id, service_id, int(retry), auth in ("2", "3"))

    @property
    def text(self) -> str:
        flags = f"{self.authenticated + 2 * self.sessioned:d}|{self.max_concurrency}|{self.h2:d}|{self.stopped:d}"
        return f"{self.slot}|{self.environment}|{flags}|{self.app_id}|{self.service_id}|{self.retry_after_s}"


class NoFreeSlot(Exception):
    """Every slot is in use: the table must be grown (and the data plane reloaded) before the assignment is tried again."""


class SlotTable:
    """What the data plane shall hold. Routes come in by App; slots, server lines and host map entries come out."""

    def __init__(self, size: int) -> None:
        self._slots: dict[str, Slot] = {}
        self._routes: dict[str, tuple[Route, ...]] = {}  # by app, the one applied last comes last
        self._next_id = 1
        self.grow(size)

    @property
    def size(self) -> int:
        return len(self._slots)

    @property
    def app_ids(self) -> tuple[str, ...]:
        return tuple(self._routes)

    def slots(self) -> Iterator[Slot]:
        return iter(self._slots.values())

    def slot(self, name: str) -> Slot | None:
        return self._slots.get(name)

    def slots_of(self, app_id: str) -> tuple[Slot, ...]:
        return tuple(s for s in self._slots.values() if s.app_id == app_id and s.state is not SlotState.FREE)

    def servers(self, *states: ServerState) -> Iterator[tuple[Slot, Server]]:
        """Every server line in one of these states, slot by slot."""
        for slot in self._slots.values():
            for server in slot.servers.values():
                if server.state in states:
                    yield slot, server

    def grow(self, size: int) -> None:
        """Declare slots until there are `size`. Never takes one away."""
        for number in range(len(self._slots), size):
            name = f"be{number:04d}"
            self._slots[name] = Slot(name)

    def assign(self, app_id: str, routes: tuple[Route, ...]) -> None:
        """These are all routes of this App. What it no longer has starts to leave.

        Raises InvalidError for a name that could not stand in the configuration, and NoFreeSlot with nothing changed.
        """
        for route in routes:
            _check(route)
        kept = {route.host: self._active(app_id, route.host) for route in routes if _needs_slot(route)}
        free = [s for s in self._slots.values() if s.state is SlotState.FREE]
        if sum(slot is None for slot in kept.values()) > len(free):
            raise NoFreeSlot
        for slot in self.slots_of(app_id):
            if slot.host not in kept and slot.state is SlotState.ACTIVE:
                self._vacate(slot)
        self._routes.pop(app_id, None)
        if routes:
            self._routes[app_id] = routes
        for route in routes:
            if _needs_slot(route):
                self._place(kept[route.host] or free.pop(0), route)

    def forget(self, slot: Slot, container_id: str) -> None:
        """The data plane deleted this server line. The last one of a draining slot frees the slot."""
        slot.servers.pop(container_id, None)
        self._release(slot)

    def adopt(self, host: str, entry: HostEntry, servers: Iterable[Server]) -> None:
        """Take over what a data plane that outlived its control plane serves for `host` (see `assign` for what follows)."""
        slot = self._slots.get(entry.slot)
        found = tuple(sorted(servers, key=lambda server: server.container_id))
        route = Route(
            host=host,
            app_id=entry.app_id,
            service_id=entry.service_id,
            environment=entry.environment,
            authenticated=entry.authenticated,
            h2=entry.h2,
            max_concurrency=entry.max_concurrency,
            stopped=entry.stopped,
            sessioned=entry.sessioned,
            retry_after_s=entry.retry_after_s,
            targets=tuple(Target(s.container_id, s.address, s.state is not ServerState.SERVING) for s in found),
        )
        self._routes[entry.app_id] = (*self._routes.get(entry.app_id, ()), route)
        if slot is not None and slot.state is SlotState.FREE:
            slot.state, slot.app_id, slot.host = SlotState.ACTIVE, entry.app_id, host
            slot.servers = {server.container_id: server for server in found}
        self.reserve_ids(max((server.server_id for server in found), default=0))

    def reserve_ids(self, highest: int) -> None:
        """Ids up to this one are taken by server lines that are not in the table."""
        self._next_id = max(self._next_id, highest + 1)

    def hosts(self) -> dict[str, HostEntry]:
        """The host map. Where two Apps claim a host, one that runs wins over a stopped one, then the one applied last."""
        found: dict[str, HostEntry] = {}
        for app_id, routes in self._routes.items():
            for route in routes:
                other = found.get(route.host)
                if other is None or other.stopped or not route.stopped:
                    slot = self._active(app_id, route.host)
                    found[route.host] = HostEntry.of(route, slot.name if slot else NO_SLOT)
        return found

    def _active(self, app_id: str, host: str) -> Slot | None:
        for slot in self._slots.values():
            if slot.state is SlotState.ACTIVE and slot.app_id == app_id and slot.host == host:
                return slot
        return None

    def _place(self, slot: Slot, route: Route) -> None:
        slot.state, slot.app_id, slot.host = SlotState.ACTIVE, route.app_id, route.host
        wanted = {target.container_id: target for target in route.targets}
        for container_id, target in wanted.items():
            slot.servers[container_id] = self._server(slot.servers.get(container_id), route, target)
        for container_id, server in slot.servers.items():
            if container_id not in wanted:
                slot.servers[container_id] = _with_state(server, ServerState.LEAVING)

    def _server(self, old: Server | None, route: Route, target: Target) -> Server:
        state = ServerState.DRAINING if target.draining else ServerState.SERVING
        if old is not None:  # the protocol is part of the line and can't be changed while it stands
            return Server(old.container_id, target.address, old.server_id, old.h2, route.max_concurrency, state)
        self._next_id += 1
        return Server(target.container_id, target.address, self._next_id - 1, route.h2, route.max_concurrency, state)

    def _vacate(self, slot: Slot) -> None:
        slot.state = SlotState.DRAINING
        slot.servers = {name: _with_state(server, ServerState.LEAVING) for name, server in slot.servers.items()}
        self._release(slot)

    def _release(self, slot: Slot) -> None:
        if slot.state is SlotState.DRAINING and not slot.servers:
            slot.state, slot.app_id, slot.host = SlotState.FREE, "", ""


def _needs_slot(route: Route) -> bool:
    return not route.stopped or bool(route.targets)


def _with_state(server: Server, state: ServerState) -> Server:
    return Server(server.container_id, server.address, server.server_id, server.h2, server.max_concurrency, state)


def _check(route: Route) -> None:
    words = [route.host, route.app_id, route.service_id, route.environment, *(t.container_id for t in route.targets)]
    for word in words:
        if not WORD.fullmatch(word):
            raise InvalidError(
                f"The router cannot serve {route.host!r}: {word!r} is not a plain name; use letters, digits, '-' and '.'."
            )
    for target in route.targets:
        if not _ADDRESS.fullmatch(target.address):
            raise InvalidError(
                f"The router cannot reach {target.container_id}: {target.address!r} is not an IPv4 address with a port."
            )
