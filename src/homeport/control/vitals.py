"""What the control plane measures of itself: how late its loop is, how long the journal takes, and what moved.

Owns the counting since it started; how it is shown is `prometheus`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.events import AppMoved, ContainerMoved, DeploymentMoved, Event, RequestsCut
from ..core.model import App, World
from ..core.states import ContainerState
from ..ports import Journal, Record

LAG_EVERY_S = 0.5

log = logging.getLogger("homeport.happened")


@dataclass(slots=True)
class Timing:
    """`longest_s` is of the time since it was last read by `take_longest`."""

    count: int = 0
    sum_s: float = 0.0
    longest_s: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.sum_s += seconds
        self.longest_s = max(self.longest_s, seconds)

    def take_longest(self) -> float:
        found, self.longest_s = self.longest_s, 0.0
        return found


class Vitals:
    def __init__(self) -> None:
        self.loop_lag = Timing()
        self.journal = Timing()
        self.rollouts: Counter[tuple[str, ...]] = Counter()  # (outcome,)
        self.containers: Counter[tuple[str, ...]] = Counter()  # (what happened,): started, ready, ended, failed
        self.requests_cut = 0

    async def run(self) -> None:
        """Measures how late the event loop is, until it is cancelled."""
        while True:
            begin = time.monotonic()
            await asyncio.sleep(LAG_EVERY_S)
            self.loop_lag.add(max(0.0, time.monotonic() - begin - LAG_EVERY_S))

    def watch(self, world: World, events: Sequence[Event]) -> None:
        """To be called with the events of each step: counts them, and says them in the log."""
        for event in events:
            match event:
                case ContainerMoved():
                    self._container(event)
                case DeploymentMoved():
                    self._deployment(event)
                case AppMoved(app_id, _, name, state):
                    log.info("App %s is %s", name, state.value, extra={"app_id": app_id})
                case RequestsCut(app_id, container_id, count):
                    self.requests_cut += count
                    said = {"app_id": app_id, "container_id": container_id, "requests_cut": count}
                    log.warning(
                        "%s of %s ended with it",
                        "1 request" if count == 1 else f"{count} requests",
                        container_id,
                        extra=said,
                    )
                case _:
                    pass

    def _container(self, event: ContainerMoved) -> None:
        container = event.container
        words = f"container of {event.service} v{container.version} is {container.state.value}"
        said: dict[str, object] = {"app_id": event.app_id, "container_id": container.container_id}
        if container.state in (ContainerState.STARTING, ContainerState.READY):
            self.containers[(container.state.value,)] += container.state is ContainerState.READY or bool(container.address)
        if container.state is not ContainerState.ENDED:
            log.info("%s%s", words, f": {container.reason}" if container.reason else "", extra=said)
            return
        self.containers[("failed" if container.failed else "ended",)] += 1
        said["exit_code"] = event.exit_code
        level = logging.WARNING if container.failed else logging.INFO
        log.log(level, "%s: %s", words, container.reason, extra=said)

    def _deployment(self, event: DeploymentMoved) -> None:
        deployment = event.deployment
        self.rollouts[(deployment.state.value,)] += 1
        why = f": {deployment.reason}" if deployment.reason else ""
        log.info("v%d is %s%s", deployment.version, deployment.state.value, why, extra={"app_id": event.app_id})


class TimedJournal:
    """A `ports.Journal` that tells how long each append took."""

    def __init__(self, journal: Journal, timing: Timing) -> None:
        self._journal = journal
        self._timing = timing

    def append(self, now_ms: int, records: Sequence[Record], apps: Sequence[App], world: tuple[str, int]) -> None:
        begin = time.perf_counter()
        try:
            self._journal.append(now_ms, records, apps, world)
        finally:
            self._timing.add(time.perf_counter() - begin)

    def load(self) -> tuple[list[App], tuple[str, int] | None]:
        return self._journal.load()
