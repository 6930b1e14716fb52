"""A simulated data plane with real requests in it: they are placed by load, last a while, and can be cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..core.facts import ContainerDrained, Fact
from ..core.routes import Route, Target
from .clock import Timeline

DRAIN_POLL_MS = 250


class RouterDown(OSError):
    pass


@dataclass(slots=True)
class Request:
    app_id: str
    container_id: str
    over: bool = False
    cut: bool = False


class SimRouter:
    """What it serves survives the control plane. While `down`, requests are refused and nothing can be applied."""

    def __init__(self, timeline: Timeline, tell: Callable[[Fact], None]) -> None:
        self._timeline = timeline
        self._tell = tell
        self.tables: dict[str, tuple[Route, ...]] = {}
        self.hosts: list[Route] = []  # all that are not stopped
        self._draining: list[Target] = []
        self.requests: dict[str, list[Request]] = {}  # by container
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

    def send(self, host: str, lasts_ms: int) -> Request | None:
        """A request to this host; None is a 503 (no container) or a 404."""
        route = next((r for r in self.hosts if r.host == host), None)
        usable = [t for t in route.targets if not t.draining] if route else []
        if self.down or route is None or not usable:
            return None
        target = min(usable, key=lambda t: (self.in_flight(t.container_id), t.container_id))
        request = Request(route.app_id, target.container_id)
        self.requests.setdefault(target.container_id, []).append(request)
        self._timeline.after(lasts_ms, lambda: self._finish(request))
        return request

    def in_flight(self, container_id: str) -> int:
        return len(self.requests.get(container_id, ()))

    def container_ended(self, container_id: str) -> None:
        for request in self.requests.pop(container_id, ()):
            request.over = request.cut = True

    def _finish(self, request: Request) -> None:
        if not request.over:
            request.over = True
            self.answered += 1
            self.requests[request.container_id].remove(request)

    def _watch_drains(self) -> None:
        for target in [] if self.down else self._draining:
            self._tell(ContainerDrained(target.container_id, self.in_flight(target.container_id), self._timeline.now_ms))
