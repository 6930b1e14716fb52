"""Bugs to be put into the core, one at a time: the simulator has to catch each, or a fault or a law is missing.

A mutant is a rule of the core turned off or bent. `replace` puts it in and takes it out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from homeport.control import kernel, redeploy
from homeport.core import backoff, draft, observe, place, reconcile, retire, rollout, routing
from homeport.core.facts import ContainerDrained, ContainerExited, DeployKind
from homeport.core.model import Capacity, Container, Deployment
from homeport.core.states import ContainerState, DeploymentState


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `owner`, the thing called `name` is `bent`."""

    story: str
    owner: ModuleType | type
    name: str
    bent: Any

    @contextmanager
    def applied(self) -> Iterator[None]:
        whole = getattr(self.owner, self.name)
        setattr(self.owner, self.name, self.bent)
        try:
            yield
        finally:
            setattr(self.owner, self.name, whole)


def _nothing(*_: object, **__: object) -> None:
    return None


def _ended_by_any_drain_fact(work: draft.Draft, fact: ContainerDrained) -> None:
    container = work.containers.get(fact.container_id)
    if container is not None and container.state is ContainerState.DRAINING:
        work.move(container, ContainerState.STOPPING, reason=container.reason)


def _exits_do_not_count(work: draft.Draft, container: Container, fact: ContainerExited) -> None:
    service = work.services[container.service_id]
    work.services[service.service_id] = replace(service, failures=0, retry_at_ms=0)


def _live_at_once(work: draft.Draft) -> None:
    rolling = work.in_state(DeploymentState.ROLLING)
    if rolling is not None:
        _whole_go_live(work, rolling)


def _fail_with_the_live_one(work: draft.Draft, deployment: Deployment, reason: str, culprit: str = "") -> None:
    _whole_fail(work, deployment, reason, culprit)
    for container in list(work.containers.values()):
        work.retire(container, "all must go")


def _all_are_serving(container: Container) -> bool:
    return container.state in (ContainerState.STARTING, ContainerState.READY) and container.address != ""


def _published_over_it(work: draft.Draft, fact: Any) -> None:
    _whole_published(work, fact)
    work.app = replace(work.app, version=work.app.version + 1)


def _accept_without_journal(self: kernel.Kernel, inputs: Any, now_ms: int) -> Any:
    step = reconcile.step(self.world, [given.fact for given in inputs], now_ms)
    self.world = step.world
    return step


def _equal_is_unchanged(app: Any, fact: Any) -> Any:
    return _whole_unchanged(app, replace(fact, kind=DeployKind.STANDARD))


def _asked_twice_is_made_twice(app: Any, fact: Any) -> Any:
    return None if fact.kind is not DeployKind.STANDARD else _whole_unchanged(app, fact)


def _back_to_the_newest(history: Any, version: int | None) -> Any:
    _whole_rollback_target(history, version)
    return history[0]


_whole_unchanged: Callable[..., Any] = reconcile._unchanged
_whole_rollback_target: Callable[..., Any] = redeploy.rollback_target
_whole_go_live: Callable[..., None] = rollout._go_live
_whole_fail: Callable[..., None] = rollout.fail
_whole_published: Callable[..., None] = observe.published

MUTANTS = (
    Mutant("the startup timeout is forgotten", retire, "_never_ready", _nothing),
    Mutant("deadlines are never woken for", reconcile, "_wake_at_ms", lambda _: 0),
    Mutant("a sick container is kept for ever", retire, "FAILED_PROBES_MAX", 10**9),
    Mutant("a rollout waits for room for ever", retire, "_never_placed", _nothing),
    Mutant("a stopped App keeps its containers", retire, "stop_all", _nothing),
    Mutant("a drain ends at its first fact", observe, "drained", _ended_by_any_drain_fact),
    Mutant("a lost container is waited for", observe, "listed", _nothing),
    Mutant("failures are not counted", observe, "_count_failure", _exits_do_not_count),
    Mutant("a version number is left out", observe, "published", _published_over_it),
    Mutant("tries are without end", rollout, "ROLLOUT_TRIES", 10**9),
    Mutant("a version is live before it serves", rollout, "settle", _live_at_once),
    Mutant("a failed version takes the live one with it", rollout, "fail", _fail_with_the_live_one),
    Mutant("what is not ready is routed", routing, "is_serving", _all_are_serving),
    Mutant("a redeploy cuts requests", rollout, "_grace_ms", lambda *_: 0),
    Mutant("old versions are never retired", rollout, "_retire_others", _nothing),
    Mutant("requests for capacity are oversubscribed", place, "used", lambda *_: Capacity(0, 0)),
    Mutant("the same configuration makes a new version", reconcile, "_unchanged", _nothing),
    Mutant("a rollover of the same code is taken for a no-op", reconcile, "_unchanged", _equal_is_unchanged),
    Mutant("a rollback that is asked twice is made twice", reconcile, "_unchanged", _asked_twice_is_made_twice),
    Mutant("a rollback goes to the newest version", redeploy, "rollback_target", _back_to_the_newest),
    Mutant("a rollback revives a stopped App", reconcile, "_refused", lambda *_: False),
    Mutant("two Apps claim one URL", reconcile._Work, "_take_over", _nothing),
    Mutant("nothing is said again after a restart", reconcile, "resume", lambda _: ()),
    Mutant("what was decided is not written down", kernel.Kernel, "accept", _accept_without_journal),
    Mutant("the wait between tries is not bounded", observe, "delay_ms", lambda failures: backoff.LIMIT_MS * 1000),
)
