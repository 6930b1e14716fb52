"""A router in memory: it keeps the promises of `ports.Router`, and the test decides what is in flight and when it is away.

Owns no socket. Requests are counts that the test sets; `pick` says where a request would go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from ..core.facts import ContainerDrained, Fact
from ..core.routes import Route, Target


class FakeRouter:
    """`applied` is every change it was given, in order. `down = True`: changes are remembered but answered with OSError."""

    def __init__(self, now_ms: Callable[[], int] = lambda: 0) -> None:
        self.down = False
        self.applied: list[tuple[str, tuple[Route, ...]]] = []
        self._now_ms = now_ms
        self._routes: dict[str, tuple[Route, ...]] = {}
        self._in_flight: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._facts: asyncio.Queue[Fact | None] = asyncio.Queue()

    async def apply(self, app_id: str, routes: tuple[Route, ...]) -> None:
        self.applied.append((app_id, routes))
        self._routes.pop(app_id, None)
        if routes:
            self._routes[app_id] = routes
        if self.down:
            raise OSError("the fake router is down")
        self._settle()

    async def retain(self, app_ids: Iterable[str]) -> None:
        keep = frozenset(app_ids)
        for app_id in [app_id for app_id in self._routes if app_id not in keep]:
            await self.apply(app_id, ())

    async def observe(self) -> dict[str, int]:
        if self.down:
            raise OSError("the fake router is down")
        return {target.container_id: self._in_flight.get(target.container_id, 0) for target in self._targets()}

    async def facts(self) -> AsyncIterator[Fact]:
        while (fact := await self._facts.get()) is not None:
            yield fact

    async def close(self) -> None:
        self._facts.put_nowait(None)

    # ---- for the test

    def route(self, host: str) -> Route | None:
        """What serves this host: a route that runs before a stopped one, then the one applied last."""
        found = [route for routes in self._routes.values() for route in routes if route.host == host]
        return max(reversed(found), key=lambda route: not route.stopped, default=None)

    def pick(self, host: str) -> str | None:
        """The container that the next request of this host would go to: least loaded; None is 404 or 503."""
        route = self.route(host)
        if route is None or route.stopped:
            return None
        open_ones = [target.container_id for target in route.targets if not target.draining]
        return min(open_ones, key=lambda name: (self._in_flight.get(name, 0), name), default=None)

    def set_in_flight(self, container_id: str, requests: int) -> None:
        """So many requests are on this container now. A draining one tells it at once."""
        self._in_flight[container_id] = requests
        if not self.down:
            self._settle()

    def repeat(self) -> None:
        """Tell every draining container again, as the real one does every few seconds."""
        self._told.clear()
        self._settle()

    def _settle(self) -> None:
        """Forget what left, and tell draining containers whose count is new."""
        present = {target.container_id for target in self._targets()}
        self._in_flight = {name: count for name, count in self._in_flight.items() if name in present}
        draining = sorted({target.container_id for target in self._targets() if target.draining})
        self._told = {name: count for name, count in self._told.items() if name in draining}
        for name in draining:
            count = self._in_flight.get(name, 0)
            if self._told.get(name) != count:
                self._told[name] = count
                self._facts.put_nowait(ContainerDrained(name, count, self._now_ms()))

    def _targets(self) -> list[Target]:
        return [target for routes in self._routes.values() for route in routes for target in route.targets]
