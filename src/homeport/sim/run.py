"""One seed, one world: a safety phase with people, traffic and faults, then a liveness phase that must come to rest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..control.chronicle import Input
from ..core import ids
from ..core.facts import DURABLE, AppStopRequested, CapacityKnown, ContainerStopRequested, DeployRequested, Fact
from ..core.model import World
from ..core.reconcile import Step
from ..testing.journal import MemoryJournal
from . import options as choices
from .checkers import Checker
from .clock import Timeline
from .door import Door, Wish
from .engine import OOM_CODE, SimEngine
from .past import Past
from .people import People
from .plane import LawBroken, Plane, Surroundings
from .redeployments import Redeployments
from .rest import at_rest
from .router import SimRouter
from .streams import Streams

REST_MS = 600_000
SAMPLE_MS = 1_000
LOOK_MS = 60_000
RECOVERY = 250  # per mille and second: some containers that hang come back by themselves
RESTART_MS_MAX = 20_000
SMALL = CapacityKnown(cpu_milli=2_000, memory_mib=2_048)


@dataclass(frozen=True, slots=True)
class Report:
    seed: int
    steps: int
    deployments: int
    plane_deaths: int
    requests_answered: int
    requests_failed: int
    trace: str  # digest of every event, equal for equal seeds


class Simulation:
    """Built for one seed, run once. Raises LawBroken (or an assertion of the core) with the seed's world as it was.

    With `options` the seed draws only what these leave open: scripts say what people do (`door.ask`) and what fails.
    """

    def __init__(self, seed: int, options: choices.Options | None = None) -> None:
        self.seed = seed
        self.timeline = Timeline(seed)
        self.options = options or choices.draw(self.timeline.random)
        self.router = SimRouter(self.timeline, self.tell)
        self.engine = SimEngine(self.timeline, self.tell, self.router.container_ended)
        self.journal = MemoryJournal()
        self.people = People(self.timeline.random, self.options, Past(self.journal))
        capacity = SMALL if self.options.small_machine else None
        self.around = Surroundings(self.timeline, self.engine, self.router, self.journal, capacity)
        self.checker = Checker(self.options, self.around)
        self.redeployments = Redeployments(self.journal)
        self.door = Door(self.timeline, lambda: self.plane, self._publish)
        self.faults = True
        self.engine.refuse_start = self.options.refuse_start
        self.steps = self.deaths = 0
        self._trace = hashlib.sha256()
        self.plane = Plane(self.around, self._watch, self._died)
        self.streams = Streams(self.timeline, self.router)
        self._sampled_ms = self.timeline.now_ms

    def run(self) -> Report:
        second = choices.SECOND_MS
        self.timeline.every(self.options.people_every_ms, self._somebody)
        self.timeline.every(self.options.requests_every_ms, self._request)
        self.timeline.every(second, self._mishaps)
        self.timeline.every(SAMPLE_MS, self._sample)
        self.timeline.run(self.timeline.now_ms + self.options.chaos_ms)
        self._calm()
        self._come_to_rest()
        self.redeployments.at_rest(self.door.broken)
        return Report(
            self.seed,
            self.steps,
            self.people.asked,
            self.deaths,
            self.router.answered,
            self.checker.requests_failed,
            self._trace.hexdigest()[:16],
        )

    def _come_to_rest(self) -> None:
        """Within REST_MS; and once at rest, it stays so."""
        until_ms = self.timeline.now_ms + REST_MS
        quiet = False
        while self.timeline.now_ms < until_ms:
            self.timeline.run(self.timeline.now_ms + LOOK_MS)
            try:
                at_rest(self.plane.kernel, self.around, self.streams)
            except LawBroken:
                if quiet or self.timeline.now_ms >= until_ms:
                    raise
            else:
                if quiet:
                    return
                quiet = True

    def tell(self, fact: Fact) -> None:
        """A fact on its way: it can be lost, doubled, late and thereby overtaken by others."""
        if not self.faults:
            self.timeline.after(1, lambda: self._deliver(fact))
            return
        if self.timeline.chance(self.options.lose_fact):
            return
        for _ in range(2 if self.timeline.chance(self.options.double_fact) else 1):
            late = self.timeline.chance(self.options.delay_fact)
            delay_ms = self.timeline.random.randint(0, self.options.delay_fact_ms) if late else 1
            self.timeline.after(delay_ms, lambda: self._deliver(fact))

    def _deliver(self, fact: Fact) -> None:
        if self.faults and isinstance(fact, DURABLE):
            self._trouble()
        self.plane.accept([Input(fact)])

    def _trouble(self) -> None:
        """The next write to the journal may fail, or be the last thing that this control plane does."""
        if self.timeline.chance(self.options.kill_plane):
            self.journal.die_after(0, written=self.timeline.chance(500))
        elif self.timeline.chance(self.options.fail_journal):
            self.journal.fail_next(OSError(28, "No space left on device"))

    def _somebody(self) -> None:
        if not self.faults or not self.plane.alive:
            return
        wish = self.people.next_wish(self.plane.kernel.world)
        if wish is None:
            return
        self.door.ask(wish)

    def _publish(self, wish: Wish) -> Step | None:
        """Hands it over; None: nobody knows what came of it."""
        fact, world = wish.fact, self.plane.kernel.world
        if self.faults:
            self._trouble()
        if isinstance(fact, AppStopRequested):
            self.checker.on_stop(world.apps[fact.app_id])
        elif isinstance(fact, ContainerStopRequested):
            self.checker.on_stop(world.apps[ids.app_of(fact.container_id)])
        self.checker.before_wish(fact, world)
        step = self.plane.accept([Input(fact)])
        self.checker.after_wish(fact, self.plane.kernel.world)
        if isinstance(fact, DeployRequested) and step is not None:
            self.redeployments.asked(fact, wish.named, step)
        return step

    def _sample(self) -> None:
        """A control plane sees only what happens while it lives and the router answers."""
        if self.router.down:
            return
        sample = self.router.sample(self._sampled_ms)
        if self.plane.alive and sample.to_ms - sample.from_ms <= 2 * SAMPLE_MS:
            self.tell(sample)
        self._sampled_ms = sample.to_ms

    def _request(self) -> None:
        routes = self.router.hosts
        if not routes or not self.faults:
            return
        host = self.timeline.random.choice(routes).host
        lasts_ms = self.timeline.random.choice((5, 50, 800, 20_000))
        if self.router.send(host, lasts_ms) is None:
            self.checker.on_refusal(host)
        else:
            self.checker.on_answer(host)

    def _mishaps(self) -> None:
        if not self.faults:
            return
        if self.plane.alive and self.timeline.chance(self.options.kill_plane // 4):
            self.plane.die()
        if self.timeline.chance(self.options.node_loss):
            self.engine.lose_all()
        if self.timeline.chance(self.options.router_down):
            self.router.down = True
            self.timeline.after(self.timeline.random.randint(100, 8_000), self._router_back)
        if not self.options.crash_container and not self.options.hang_container:
            return
        for sandbox in self.engine.running():
            if self.timeline.chance(self.options.crash_container):
                self.engine.crash(sandbox.container_id, self.timeline.random.choice((OOM_CODE, 1)))
            elif self.timeline.chance(RECOVERY if sandbox.hanging else self.options.hang_container):
                sandbox.hanging = not sandbox.hanging

    def _router_back(self) -> None:
        self.router.down = False

    def _died(self) -> None:
        self.deaths += 1
        self.timeline.after(self.timeline.random.randint(10, RESTART_MS_MAX), self._restart)

    def _restart(self) -> None:
        if not self.plane.alive:
            self.plane = Plane(self.around, self._watch, self._died)

    def _calm(self) -> None:
        self.faults = False
        self.journal.calm()
        self.engine.refuse_start = 0
        self.engine.flaky = False
        self._router_back()
        self.streams.begin()

    def _watch(self, before: World, step: Step) -> None:
        self.steps += 1
        for event in step.events:
            self._trace.update(repr(event).encode())
        self.checker.on_step(before, step)


def simulate(seed: int) -> Report:
    """Raises LawBroken with the seed in its notes."""
    try:
        return Simulation(seed).run()
    except AssertionError as error:
        error.add_note(f"seed {seed}: python -m homeport.sim --seed {seed}")
        raise
