"""The control plane in a simulation: the real kernel, and around it the same order of effects as in `control`.

It can be killed between any two journal records and at any moment in between; the next one starts from what is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ..control.chronicle import Input
from ..control.dispatch import ROUTES_WAIT_MS
from ..control.kernel import Kernel, lasting
from ..core import ids, routing
from ..core.actions import Action, ForgetContainer, SetRoutes, StartContainer, StopContainer
from ..core.facts import CapacityKnown
from ..core.invariants import broken
from ..core.model import World
from ..core.reconcile import Step
from ..core.routes import Route
from ..testing.journal import ControlPlaneDied, MemoryJournal
from .clock import Timeline
from .engine import SimEngine
from .router import RouterDown, SimRouter

LIST_MS = 5_000
LISTED_LATE_MS_MAX = 500
RETRY_MS = 200
LATE_MS_MAX = 2_000


class LawBroken(AssertionError):
    """A simulated step broke a law, or a world that was left alone did not come to rest."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that outlives a control plane."""

    timeline: Timeline
    engine: SimEngine
    router: SimRouter
    journal: MemoryJournal
    capacity: CapacityKnown | None


class Plane:
    def __init__(self, around: Surroundings, watch: Callable[[World, Step], None], on_death: Callable[[], None]) -> None:
        self._around = around
        self._watch = watch
        self._on_death = on_death
        self.alive = True
        self._awake = False  # it could write its journal the last time, so no deadline may have passed unnoticed
        self._alarm_ms = 0
        self._appends = around.journal.appends  # when it last decided something
        self.kernel = Kernel(around.journal, tag="simsim")
        self._said_again = False
        self._tables: dict[str, tuple[Route, ...]] = {}
        self._busy_until_ms: dict[str, int] = {}
        self._behind: set[str] = set()  # apps whose table is not applied yet
        around.router.retain(list(self.kernel.world.apps))
        due = self.accept([Input(around.capacity)] if around.capacity else [])  # with what fell due while nobody looked
        if due is None and self.alive:
            self.die()  # as the daemon, which does not start with a journal that it can't write
        self._list()
        self._said_again = self.alive
        if self.alive:
            self._perform(self.kernel.resume())

    def accept(self, inputs: Sequence[Input]) -> Step | None:
        """None: it died of it, or the journal could not be written and nothing happened."""
        if not self.alive:
            return None
        before = self.kernel.world
        if self._awake:
            self._punctual(before)
        try:
            step = self.kernel.accept(inputs, self._around.timeline.now_ms)
        except ControlPlaneDied:
            self.die()
            return None
        except OSError:
            if self.kernel.world is not before:
                raise LawBroken("the journal could not be written, and the World has changed") from None
            self._awake = False
            self._later(RETRY_MS, lambda: self.accept([]))
            return None
        if problems := broken(before, step):
            raise LawBroken("; ".join(problems))
        self._awake = True
        self._appends = self._around.journal.appends
        self._watch(before, step)
        self._perform(step.actions)
        self._wake(step.wake_at_ms)
        return step

    def _wake(self, at_ms: int) -> None:
        """One alarm at a time: a later one takes the place of the one before."""
        if at_ms == self._alarm_ms:
            return
        self._alarm_ms = at_ms

        def ring() -> None:
            if self._alarm_ms == at_ms:
                self._alarm_ms = 0
                self.accept([])

        if at_ms:
            self._later(at_ms - self._around.timeline.now_ms, ring)

    def _punctual(self, world: World) -> None:
        now_ms = self._around.timeline.now_ms
        for app in world.apps.values():
            for container in app.containers:
                if container.deadline_ms and container.deadline_ms < now_ms - LATE_MS_MAX:
                    raise LawBroken(f"{container.container_id}: its deadline passed {now_ms - container.deadline_ms} ms ago")

    def die(self) -> None:
        """Whatever it was doing: what the next one will find is what this one had decided, or the step it died in."""
        if self._around.journal.appends == self._appends and not self._holds(self.kernel.world):
            raise LawBroken("a control plane died, and what it had decided is not in the journal")
        self.alive = False
        self._on_death()

    def _holds(self, world: World) -> bool:
        loaded = Kernel(self._around.journal, tag="simsim").world.apps
        return {i: lasting(a) for i, a in loaded.items()} == {i: lasting(a) for i, a in world.apps.items()}

    def _later(self, delay_ms: int, what: Callable[[], object]) -> None:
        def unless_dead() -> None:
            if self.alive:
                what()

        self._around.timeline.after(delay_ms, unless_dead)

    def _perform(self, actions: Sequence[Action]) -> None:
        """Effects take time, but those on one App keep their order (as in `control.dispatch`)."""
        for action in actions:
            now_ms = self._around.timeline.now_ms
            key = action.app_id if isinstance(action, SetRoutes) else action.container_id
            due_ms = max(now_ms + self._around.timeline.random.randint(0, 30), self._busy_until_ms.get(key, 0))
            self._busy_until_ms[key] = due_ms
            if isinstance(action, SetRoutes):
                self._tables[action.app_id] = action.routes
                self._behind.add(action.app_id)
            self._later(due_ms - now_ms, partial(self._act, action))

    def _act(self, action: Action) -> None:
        match action:
            case SetRoutes(app_id):
                self._route(app_id)
            case StartContainer():
                self._around.engine.start(action)
            case StopContainer():
                self._stop(action, ROUTES_WAIT_MS)
            case ForgetContainer(container_id):
                self._around.engine.forget(container_id)

    def _route(self, app_id: str) -> None:
        try:
            self._around.router.apply(app_id, self._tables[app_id])
            self._behind.discard(app_id)
        except RouterDown:
            self._later(RETRY_MS, lambda: self._route(app_id))

    def _stop(self, action: StopContainer, patience_ms: int) -> None:
        """A container is not told to end while the router may still send it requests, for as long as there is hope."""
        if ids.app_of(action.container_id) in self._behind and patience_ms > 0:
            self._later(RETRY_MS, lambda: self._stop(action, patience_ms - RETRY_MS))
        else:
            self._around.engine.stop(action.container_id, action.kill_after_ms)

    def _list(self) -> None:
        """What the engine knew when it was asked; by now it may know more."""
        if self._said_again and not self._behind:
            self._followed()
        listed, facts = self._around.engine.listing()
        told = [Input(fact) for fact in [*facts, listed]]
        self._later(self._around.timeline.random.randint(0, LISTED_LATE_MS_MAX), lambda: self.accept(told))
        self._later(LIST_MS, self._list)

    def _followed(self) -> None:
        """Whatever was said to the router by this control plane and those before, it serves what the World wants."""
        apps = self.kernel.world.apps.values()
        if self._around.router.tables != {app.app_id: table for app in apps if (table := routing.table(app))}:
            raise LawBroken("the router does not serve what the World wants, and nobody is about to tell it")
