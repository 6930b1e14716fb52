"""Simulated containers: they boot, slowly or never, crash, hang, and end when told to. They survive the control plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ..core.actions import StartContainer
from ..core.facts import ContainerExited, ContainerProbed, ContainerReady, ContainerStarted, EngineListed, ExitReason, Fact
from .clock import Timeline

PROBE_MS = 1_000
OOM_CODE = 137


class Quality(StrEnum):
    """How the containers of a version behave. Part of its manifest digest, as real code is."""

    GOOD = "good"
    SLOW = "slow"
    NEVER = "never"  # its port never opens
    CRASH = "crash"  # it ends before its port opens
    FLAKY = "flaky"  # one in four does so, another ends soon after it was ready


@dataclass(slots=True)
class Sandbox:
    container_id: str
    address: str
    quality: Quality
    ready: bool = False
    hanging: bool = False
    was_hanging: bool = False  # at the last probe: good news is told once, bad news each time
    ended: ContainerExited | None = None


class SimEngine:
    """`tell` takes facts on their way to whichever control plane lives then; `on_end` tells the router's side.

    `refuse_start`: so many of 1,000 starts fail, until the world is left in peace.
    """

    def __init__(self, timeline: Timeline, tell: Callable[[Fact], None], on_end: Callable[[str], None]) -> None:
        self.refuse_start = 0
        self.flaky = True
        self._timeline = timeline
        self._tell = tell
        self._on_end = on_end
        self._addresses = 0
        self.sandboxes: dict[str, Sandbox] = {}
        timeline.every(PROBE_MS, self._probe)

    def start(self, action: StartContainer) -> None:
        known = self.sandboxes.get(action.container_id)
        if known is not None:
            self._repeat(known)
            return
        if self._timeline.chance(self.refuse_start):
            refused = Sandbox(action.container_id, "", Quality.NEVER)
            refused.ended = ContainerExited(
                action.container_id, ExitReason.START_FAILED, None, "no network namespace is left"
            )
            self.sandboxes[action.container_id] = refused  # asked again, it says the same
            self._repeat(refused)
            return
        self._addresses += 1
        quality = Quality(action.manifest_digest.split(":")[1])
        sandbox = Sandbox(action.container_id, f"10.0.{self._addresses >> 8}.{self._addresses & 255}:8000", quality)
        self.sandboxes[action.container_id] = sandbox
        self._tell(ContainerStarted(sandbox.container_id, sandbox.address))
        random = self._timeline.random
        fate = random.randint(1, 4) if quality is Quality.FLAKY and self.flaky else 0
        if fate == 2:
            self._timeline.after(random.randint(1_000, 20_000), lambda: self.crash(sandbox.container_id, 1))
        if quality is Quality.CRASH or fate == 1:
            self._timeline.after(random.randint(10, 3_000), lambda: self.crash(sandbox.container_id, 1))
        elif quality is not Quality.NEVER:
            boot_ms = random.randint(2_000, 20_000) if quality is Quality.SLOW else random.randint(20, 500)
            self._timeline.after(boot_ms, lambda: self._boot(sandbox))

    def stop(self, container_id: str, kill_after_ms: int) -> None:
        sandbox = self.sandboxes.get(container_id)
        if sandbox is None:
            self._tell(ContainerExited(container_id, ExitReason.LOST, None, "this machine knows no such container"))
            return
        if sandbox.ended is not None:
            self._repeat(sandbox)
            return
        taken_ms = min(kill_after_ms, self._timeline.random.randint(5, 3_000))
        self._timeline.after(taken_ms, lambda: self._end(sandbox, ExitReason.STOPPED, 0))

    def forget(self, container_id: str) -> None:
        sandbox = self.sandboxes.get(container_id)
        if sandbox is not None and sandbox.ended is not None:
            del self.sandboxes[container_id]

    def listing(self) -> tuple[EngineListed, list[Fact]]:
        """What a listing tells now, and the facts that it repeats."""
        running = tuple(s.container_id for s in self.sandboxes.values() if s.ended is None)
        ended = tuple(s.container_id for s in self.sandboxes.values() if s.ended is not None)
        facts = [fact for sandbox in self.sandboxes.values() for fact in _facts(sandbox)]
        return EngineListed(self._timeline.now_ms, running, ended), facts

    def running(self) -> list[Sandbox]:
        return [s for s in self.sandboxes.values() if s.ended is None]

    def crash(self, container_id: str, exit_code: int) -> None:
        reason = ExitReason.OOM if exit_code == OOM_CODE else ExitReason.EXITED
        self._end(self.sandboxes.get(container_id), reason, exit_code)

    def lose_all(self) -> None:
        """The machine was switched off: nothing runs, and nobody knows how it ended."""
        for sandbox in list(self.sandboxes.values()):
            del self.sandboxes[sandbox.container_id]
            self._on_end(sandbox.container_id)

    def _boot(self, sandbox: Sandbox) -> None:
        if sandbox.ended is None and sandbox.container_id in self.sandboxes:
            sandbox.ready = True
            self._tell(ContainerReady(sandbox.container_id))

    def _probe(self) -> None:
        for sandbox in self.running():
            if sandbox.ready and (sandbox.hanging or sandbox.was_hanging):
                sandbox.was_hanging = sandbox.hanging
                self._tell(ContainerProbed(sandbox.container_id, not sandbox.hanging))

    def _end(self, sandbox: Sandbox | None, reason: ExitReason, exit_code: int) -> None:
        if sandbox is None or sandbox.ended is not None or sandbox.container_id not in self.sandboxes:
            return
        sandbox.ended = ContainerExited(sandbox.container_id, reason, exit_code)
        self._on_end(sandbox.container_id)
        self._tell(sandbox.ended)

    def _repeat(self, sandbox: Sandbox) -> None:
        for fact in _facts(sandbox):
            self._tell(fact)


def _facts(sandbox: Sandbox) -> list[Fact]:
    facts: list[Fact] = [ContainerStarted(sandbox.container_id, sandbox.address)] if sandbox.address else []
    if sandbox.ready:
        facts.append(ContainerReady(sandbox.container_id))
        facts += [] if sandbox.hanging else [ContainerProbed(sandbox.container_id, healthy=True)]
    if sandbox.ended is not None:
        facts.append(sandbox.ended)
    return facts
