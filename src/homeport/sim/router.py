"""A simulated data plane with real requests in it: they are placed by load, last a while, and can be cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..core.facts import ContainerDrained, DemandSeen, Fact, LoadSampled, ServiceLoad
from ..core.model import Busy
from ..core.routes import Route, Target
from .clock import Timeline

DRAIN_POLL_MS = 250
PERIODS_KEPT = 100


class RouterDown(OSError):
    pass


@dataclass(slots=True)
class Request:
    app_id: str
    container_id: str
    service_id: str
    over: bool = False
    cut: bool = False


@dataclass(slots=True)
class _Work:
    """Requests in flight of one service, and their sum over the time since the last sample."""

    app_id: str
    containers: set[str] = field(default_factory=set)
    in_flight: int = 0
    since_ms: int = 0  # of this many in flight
    request_ms: int = 0
    begun: bool = False
    busy_from_ms: int = 0
    periods: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=PERIODS_KEPT))

    def count(self, now_ms: int, change: int) -> None:
        self.request_ms += self.in_flight * (now_ms - self.since_ms) if self.since_ms else 0
        self.begun |= change > 0
        if change > 0 and not self.in_flight:
            self.busy_from_ms = now_ms
        self.in_flight += change
        if change < 0 and not self.in_flight:
            self.periods.append((self.busy_from_ms, now_ms))
        if change or self.in_flight:
            self.since_ms = now_ms


class SimRouter:
    """What it serves survives the control plane. While `down`, requests are refused and nothing can be applied."""

    def __init__(self, timeline: Timeline, tell: Callable[[Fact], None]) -> None:
        self._timeline = timeline
        self._tell = tell
        self.tables: dict[str, tuple[Route, ...]] = {}
        self.hosts: list[Route] = []  # all that are not stopped
        self._draining: list[Target] = []
        self.requests: dict[str, list[Request]] = {}  # by container
        self._work: dict[str, _Work] = {}  # by service
        self.down = False
        self.answered = 0
        timeline.every(DRAIN_POLL_MS, self._watch_drains)

    def apply(self, app_id: str, routes: tuple[Route, ...]) -> None:
        if self.down:
            raise RouterDown("the router does not answer")
        self.tables[app_id] = routes
        if not routes:
            del self.tables[app_id]
        self._know()

    def retain(self, app_ids: list[str]) -> None:
        self.tables = {app_id: table for app_id, table in self.tables.items() if app_id in app_ids}
        self._know()

    def _know(self) -> None:
        self.hosts = [route for table in self.tables.values() for route in table if not route.stopped]
        self._draining = [target for route in self.hosts for target in route.targets if target.draining]

    def sample(self, from_ms: int) -> LoadSampled:
        """The loads of all services since the sample before this one, as averages."""
        now_ms = self._timeline.now_ms
        found = []
        for service_id, work in sorted(self._work.items()):
            work.count(now_ms, 0)
            if work.begun or work.request_ms:
                centi = max(1, work.request_ms * 100 // max(1, now_ms - from_ms))
                busy = tuple(Busy(c, len(self.requests[c])) for c in sorted(work.containers) if self.requests.get(c))
                found.append(ServiceLoad(work.app_id, service_id, centi, busy))
            work.request_ms, work.begun = 0, False
        return LoadSampled(from_ms, now_ms, tuple(found))

    def was_busy(self, service_id: str, from_ms: int, to_ms: int) -> bool:
        """Whether a request of this service was in flight at a moment between these."""
        work = self._work.get(service_id)
        periods = [*work.periods, (work.busy_from_ms, to_ms)] if work and work.in_flight else work.periods if work else ()
        return any(begun < to_ms and ended > from_ms for begun, ended in periods)

    def send(self, host: str, lasts_ms: int) -> Request | None:
        """A request to this host; None is a 503 (no container) or a 404."""
        route = next((r for r in self.hosts if r.host == host), None)
        usable = [t for t in route.targets if not t.draining] if route else []
        if self.down or route is None:
            return None
        if not usable:
            self._tell(DemandSeen(route.app_id, route.service_id, self._timeline.now_ms))
            return None
        target = min(usable, key=lambda t: (self.in_flight(t.container_id), t.container_id))
        request = Request(route.app_id, target.container_id, route.service_id)
        work = self._work.setdefault(route.service_id, _Work(route.app_id))
        work.containers.add(target.container_id)
        work.count(self._timeline.now_ms, 1)
        self.requests.setdefault(target.container_id, []).append(request)
        self._timeline.after(lasts_ms, lambda: self._finish(request))
        return request

    def in_flight(self, container_id: str) -> int:
        return len(self.requests.get(container_id, ()))

    def container_ended(self, container_id: str) -> None:
        for request in self.requests.pop(container_id, ()):
            request.over = request.cut = True
            self._work[request.service_id].count(self._timeline.now_ms, -1)

    def _finish(self, request: Request) -> None:
        if not request.over:
            request.over = True
            self.answered += 1
            self._work[request.service_id].count(self._timeline.now_ms, -1)
            self.requests[request.container_id].remove(request)

    def _watch_drains(self) -> None:
        for target in [] if self.down else self._draining:
            self._tell(ContainerDrained(target.container_id, self.in_flight(target.container_id), self._timeline.now_ms))
