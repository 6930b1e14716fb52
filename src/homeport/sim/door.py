"""What stands between people and the kernel, in the order of `control.publish`: refuse, build, refuse again, publish.

A build takes time, may fail, and dies with the control plane; meanwhile others deploy, stop and build. Whoever hears no
answer may ask again, much later, with the same request id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..control.chronicle import Input
from ..core.events import DeploymentMoved, DeployRefused, DeployUnchanged
from ..core.facts import DeployRequested, Fact
from ..core.model import World
from ..core.reconcile import Step
from ..core.states import AppState, DeploymentState
from .clock import Timeline
from .plane import LawBroken, Plane

ASKED_AGAIN = 100  # per mille
ASKED_AGAIN_MS_MAX = 30_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. `named`: the version that a rollback names; `build_ms`, `broken`: how its build goes."""

    fact: Fact
    named: int | None = None
    build_ms: int = 0
    broken: bool = False


class Door:
    """`plane` is whichever control plane there is now; `publish` hands a wish over to it and judges what came of it."""

    def __init__(self, timeline: Timeline, plane: Callable[[], Plane], publish: Callable[[Wish], Step | None]) -> None:
        self._timeline = timeline
        self._plane = plane
        self._publish = publish
        self.broken: set[str] = set()  # digests that could not be built

    def ask(self, wish: Wish) -> None:
        plane = self._plane()
        if not plane.alive:
            return
        if not isinstance(wish.fact, DeployRequested):
            self._publish(wish)
        elif not taken(plane.kernel.world, wish.fact):
            self._timeline.after(wish.build_ms, lambda: self._built(plane, wish))

    def _built(self, plane: Plane, wish: Wish) -> None:
        fact = wish.fact
        assert isinstance(fact, DeployRequested), fact
        if plane is not self._plane() or not plane.alive:
            return  # the build died with its control plane
        if wish.broken:
            self.broken.add(fact.manifest_digest)
        elif not taken(plane.kernel.world, fact):
            step = self._publish(wish)
            if step is not None:
                one_answer(fact, step)
            if self._timeline.chance(ASKED_AGAIN):
                delay_ms = self._timeline.random.randint(0, ASKED_AGAIN_MS_MAX)
                self._timeline.after(delay_ms, lambda: self._again(fact, step))

    def _again(self, fact: DeployRequested, step: Step | None) -> None:
        plane = self._plane()
        if not plane.alive or taken(plane.kernel.world, fact):
            return
        again = plane.accept([Input(fact)])
        made = {event.app_id for each in (step, again) if each for event in _published(fact, each)}
        if step and again and _published(fact, step) and _published(fact, again) and len(made) == 1:
            raise LawBroken(f"{fact.request_id} was asked twice and made two versions")


def taken(world: World, fact: DeployRequested) -> bool:
    """Another App that is not over has one of its URLs."""
    hosts = {spec.host for spec in fact.services}
    over = (AppState.STOPPING, AppState.STOPPED)
    others = [a for a in world.apps.values() if a.state not in over and (a.environment, a.name) != _name(fact)]
    return any(spec.host in hosts for app in others for d in app.deployments for spec in d.services)


def one_answer(fact: DeployRequested, step: Step) -> None:
    """None is lost and none is mixed: published as it was asked for, or a no-op, or refused, and only one of these."""
    published = _published(fact, step)
    others = [e for e in step.events if isinstance(e, DeployUnchanged | DeployRefused) and e.request_id == fact.request_id]
    if len(published) + len(others) != 1:
        raise LawBroken(f"{fact.request_id} got {len(published) + len(others)} answers")
    for event in published:
        new, app = event.deployment, step.world.apps[event.app_id]
        if (app.environment, app.name) != _name(fact):
            raise LawBroken(f"{fact.request_id} was for {_name(fact)} and went to {app.app_id}")
        if (new.manifest_digest, new.services, new.strategy) != (fact.manifest_digest, fact.services, fact.strategy):
            raise LawBroken(f"{fact.request_id} was published as something else: {new}")


def _published(fact: DeployRequested, step: Step) -> list[DeploymentMoved]:
    moved = [e for e in step.events if isinstance(e, DeploymentMoved) and e.deployment.request_id == fact.request_id]
    return [e for e in moved if e.deployment.state is DeploymentState.ROLLING]


def _name(fact: DeployRequested) -> tuple[str, str]:
    return fact.environment, fact.app_name
