"""From actions to calls of the ports. Owns the order of effects; decides nothing, and answers only with facts.

What concerns one container happens in order, and so do the routes of one App; everything else goes side by side. A
container is told to end only after the router has taken it out, for as long as there is hope that the router will.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from ..core import ids
from ..core.actions import Action, ForgetContainer, SetRoutes, StartContainer, StopContainer
from ..core.facts import ContainerExited, ExitReason, Fact
from ..core.routes import Route
from ..errors import Error
from ..ports import ContainerSpec, Engine, Router

log = logging.getLogger(__name__)

# A stop waits this long for a router that does not answer: then nothing reaches the container through it anyway.
ROUTES_WAIT_MS = 5_000
RETRY_S = (0.05, 0.2, 0.5, 1.0)

Prepare = Callable[[StartContainer], Awaitable[ContainerSpec]]


class Dispatch:
    """`prepare` makes the full spec of a container (it may raise `Error` or OSError); `tell` takes facts."""

    def __init__(self, engine: Engine, router: Router, prepare: Prepare, tell: Callable[[Fact], None]) -> None:
        self._engine = engine
        self._router = router
        self._prepare = prepare
        self._tell = tell
        self._lanes: dict[str, deque[Action]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: dict[str, tuple[Route, ...]] = {}
        self._applied: dict[str, asyncio.Event] = {}

    def perform(self, actions: Sequence[Action]) -> None:
        """Returns at once."""
        for action in actions:
            if isinstance(action, SetRoutes):
                self._wanted[action.app_id] = action.routes
                self._applied[action.app_id] = asyncio.Event()
            key = action.app_id if isinstance(action, SetRoutes) else action.container_id
            self._queue(key, action)

    async def routed(self, app_id: str) -> None:
        """Returns once the router has what it was told of this App, or has not answered for `ROUTES_WAIT_MS`."""
        try:
            async with asyncio.timeout(ROUTES_WAIT_MS / 1000):
                while not self._is_routed(app_id):  # noqa: ASYNC110 - news make another event of it
                    await asyncio.sleep(0.002)
        except TimeoutError:
            log.warning("the router does not answer: who changed %s is told so before it knows", app_id)

    def _is_routed(self, app_id: str) -> bool:
        applied = self._applied.get(app_id)
        return applied is None or applied.is_set()

    async def close(self) -> None:
        """Effects under way are given up; the next control plane says them again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _queue(self, key: str, action: Action) -> None:
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(action)
            return
        self._lanes[key] = deque([action])
        task = asyncio.create_task(self._run(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: str) -> None:
        lane = self._lanes[key]
        try:
            while lane:
                await self._carry_out(lane.popleft())
        finally:
            del self._lanes[key]

    async def _carry_out(self, action: Action) -> None:
        match action:
            case SetRoutes(app_id):
                await self._route(app_id)
            case StartContainer():
                await self._start(action)
            case StopContainer():
                await self._stop(action)
            case ForgetContainer(container_id):
                await self._until_done(f"clean-up of {container_id}", partial(self._engine.forget, container_id))

    async def _route(self, app_id: str) -> None:
        """Applies the newest table, not the one that was asked for when this was queued."""
        applied = self._applied[app_id]
        await self._until_done(f"routes of {app_id}", lambda: self._router.apply(app_id, self._wanted[app_id]))
        applied.set()

    async def _start(self, action: StartContainer) -> None:
        try:
            spec = await self._prepare(action)
            await self._engine.start(spec)
        except (Error, OSError) as error:
            log.warning("container %s was not started: %s", action.container_id, error)
            self._tell(ContainerExited(action.container_id, ExitReason.START_FAILED, None, str(error)))

    async def _stop(self, action: StopContainer) -> None:
        applied = self._applied.get(ids.app_of(action.container_id))
        if applied is not None and not applied.is_set():
            try:
                await asyncio.wait_for(applied.wait(), ROUTES_WAIT_MS / 1000)
            except TimeoutError:
                log.warning("stopping %s although the router does not answer", action.container_id)
        stop = partial(self._engine.stop, action.container_id, action.kill_after_ms)
        await self._until_done(f"stop of {action.container_id}", stop)

    async def _until_done(self, what: str, effect: Callable[[], Awaitable[None]]) -> None:
        tries = 0
        while True:
            try:
                return await effect()
            except (Error, OSError) as error:
                pause_s = RETRY_S[min(tries, len(RETRY_S) - 1)]
                tries += 1
                if tries in (1, 10) or tries % 100 == 0:
                    log.warning("%s: %s; trying again (%d)", what, error, tries)
                await asyncio.sleep(pause_s)
