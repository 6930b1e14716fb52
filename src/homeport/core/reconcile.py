"""`step`: facts in, actions out. The whole of what homeport decides, in the order in which it decides it.

    observe (fold each fact) -> expire (deadlines) -> scale down -> settle (rollouts) -> arrange (create, retire)
    -> place (start) -> settle, arrange (a container without room is not waited for, and may be given some)
    -> routes (what the data plane shall serve)

Pure, synchronous and deterministic: time is passed in, ids come from counters, nothing depends on the order of a set.
Only the Apps that a fact or a due deadline touches are looked at; cost follows change, not size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from . import ids, observe, retire, rollout, routing
from .actions import Action, ForgetContainer, SetRoutes, StartContainer, StopContainer
from .draft import KILL_AFTER_MS, Draft
from .events import DeployRefused, DeployUnchanged, Event
from .facts import (
    AppForgotten,
    AppStopRequested,
    AutoscalerUpdated,
    CapacityKnown,
    DemandSeen,
    DeployKind,
    DeployRequested,
    EngineListed,
    Fact,
    LoadSampled,
)
from .model import App, Capacity, LoadSeen, World
from .place import place
from .scale import is_known, lowers_at_ms
from .states import AppState, ContainerState, DeploymentState


@dataclass(frozen=True, slots=True)
class Step:
    """What came of it. `wake_at_ms`: call again then, even if nothing happens until then; 0 is never."""

    world: World
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    wake_at_ms: int = 0


def step(world: World, facts: Sequence[Fact], now_ms: int) -> Step:
    """The World after these facts at this time, and what is to be done about it."""
    work = _Work(world, now_ms)
    for fact in facts:
        work.observe(fact)
    for app in world.apps.values():
        if app.wake_at_ms and app.wake_at_ms <= now_ms:
            work.look_at(app.app_id)
    work.reconcile()
    return work.finish()


def resume(world: World) -> tuple[Action, ...]:
    """What has to be said again after a restart: every running container and every route, as they are in the World."""
    actions: list[Action] = []
    for app in world.apps.values():
        actions.append(SetRoutes(app.app_id, routing.table(app)))
        for container in app.containers:
            if container.state is ContainerState.STOPPING:
                actions.append(StopContainer(container.container_id, KILL_AFTER_MS))
            elif container.state is ContainerState.STARTING and not container.address:
                # nobody knows whether the engine was ever asked; of those that have an address, a listing tells more
                actions.append(start_action(app, container.container_id))
    return tuple(actions)


def start_action(app: App, container_id: str) -> StartContainer:
    container = next(c for c in app.containers if c.container_id == container_id)
    deployment = next(d for d in app.deployments if d.version == container.version)
    name = next(s.name for s in app.services if s.service_id == container.service_id)
    return StartContainer(
        container_id=container_id,
        app_id=app.app_id,
        environment=app.environment,
        service_id=container.service_id,
        service_name=name,
        version=container.version,
        manifest_digest=deployment.manifest_digest,
        gpus=container.gpus,
    )


class _Work:
    """One step under way: the World before it, and a draft of each App that is touched."""

    def __init__(self, world: World, now_ms: int) -> None:
        self.before = world
        self.world = world
        self.now_ms = now_ms
        self.drafts: dict[str, Draft] = {}
        self._due: set[str] = set()  # Apps to be looked at whether or not a fact changed them
        self.actions: list[Action] = []
        self.events: list[Event] = []

    def draft(self, app_id: str) -> Draft | None:
        """None for an App that is not there (a fact can be older than its App's end)."""
        if app_id not in self.drafts:
            app = self.world.apps.get(app_id)
            if app is None:
                return None
            self.drafts[app_id] = Draft(app, self.now_ms, self.world.load_seen)
        return self.drafts[app_id]

    def look_at(self, app_id: str) -> None:
        self._due.add(app_id)
        self.draft(app_id)

    def observe(self, fact: Fact) -> None:
        match fact:
            case DeployRequested():
                self._deploy(fact)
            case CapacityKnown(cpu_milli, memory_mib, gpus):
                self.world = replace(self.world, capacity=Capacity(cpu_milli, memory_mib, gpus))
                self._wake_waiting()
            case EngineListed():
                self._listed(fact)
            case LoadSampled():
                self._sampled(fact)
            case AppStopRequested() | AppForgotten() | AutoscalerUpdated() | DemandSeen():
                if draft := self.draft(fact.app_id):
                    observe.of_app(draft, fact)
            case _:
                if draft := self.draft(ids.app_of(fact.container_id)):
                    observe.of_container(draft, fact)

    def reconcile(self) -> None:
        """Facts that told nothing new touch nothing: a decision was complete when it was made."""
        self.drafts = {a: draft for a, draft in self.drafts.items() if a in self._due or draft.is_changed()}
        for draft in self._lively():
            _decide(draft)
        if any(isinstance(action, ForgetContainer) for draft in self.drafts.values() for action in draft.actions):
            self._wake_waiting()  # somebody left room
        place(self.world, self._lively(), self.now_ms)
        for draft in self._lively():
            if any(map(rollout.lacks_room, draft.containers.values())):
                rollout.settle(draft)  # who lacks room is not waited for
                rollout.arrange(draft)

    def _lively(self) -> list[Draft]:
        """Those in which there may be something to decide."""
        return [draft for app_id, draft in self.drafts.items() if app_id in self._due or not draft.is_calm()]

    def finish(self) -> Step:
        apps = dict(self.world.apps)
        lively = set(self._lively())
        for app_id, draft in self.drafts.items():
            # of a calm one only the load is another: its deadlines are as they were, or later
            app = draft.finish(_wake_at_ms(draft) if draft in lively else draft.app.wake_at_ms)
            apps[app_id] = apps[app_id] if app == apps[app_id] else app  # the same value stays the same object
            self.events += draft.events
        gone = [app_id for app_id, draft in self.drafts.items() if draft.app.yielded and draft.app.state is AppState.STOPPED]
        self.actions += self._routes(apps, gone)
        for app_id, draft in self.drafts.items():
            self.actions += [start_action(apps[app_id], c) for c in sorted(_started(draft))]
            self.actions += draft.actions
        for app_id in gone:
            del apps[app_id]
        world = replace(self.world, apps=apps)
        wake_at_ms = min((app.wake_at_ms for app in apps.values() if app.wake_at_ms), default=0)
        return Step(world, tuple(self.actions), tuple(self.events), wake_at_ms)

    def _deploy(self, fact: DeployRequested) -> None:
        app = _find_app(self._current_apps(), fact.environment, fact.app_name)
        if app is not None and (unchanged := _unchanged(app, fact)):
            self.events.append(unchanged)
            return
        if _refused(app, fact):
            self.events.append(DeployRefused(fact.app_id, fact.request_id))
            return
        if app is None:
            app = self._create(fact)
        self._take_over(fact)
        draft = self.draft(app.app_id)
        assert draft is not None, app.app_id
        observe.published(draft, fact)

    def _create(self, fact: DeployRequested) -> App:
        """A new App: one that was stopped is never revived (semantics 1.1.10)."""
        number = self.world.next_app
        app = App(
            app_id=ids.app_id(self.world.tag, number),
            environment=fact.environment,
            name=fact.app_name,
            state=AppState.INITIALIZING,
            created_at_ms=self.now_ms,
        )
        self.world = replace(self.world, next_app=number + 1, apps={**self.world.apps, app.app_id: app})
        return app

    def _take_over(self, fact: DeployRequested) -> None:
        """An App that is over and had one of these URLs answers for none any more, and need not be remembered for them."""
        hosts = {spec.host for spec in fact.services}
        for old in self._current_apps():
            if old.state not in (AppState.STOPPING, AppState.STOPPED):
                continue
            taken = any(route.host in hosts for route in routing.table(old))
            if taken or (old.environment, old.name) == (fact.environment, fact.app_name):
                draft = self.draft(old.app_id)
                assert draft is not None, old.app_id
                draft.app = replace(draft.app, yielded=True)

    def _current_apps(self) -> list[App]:
        """As they are in the middle of this step (several facts may be about one App)."""
        return [self.drafts[app_id].finish(0) if app_id in self.drafts else app for app_id, app in self.world.apps.items()]

    def _listed(self, fact: EngineListed) -> None:
        known = frozenset(c.container_id for app in self.world.apps.values() for c in app.containers)
        self.actions += [StopContainer(c, KILL_AFTER_MS) for c in fact.running_ids if c not in known]
        self.actions += [ForgetContainer(c) for c in fact.ended_ids if c not in known]
        listed = frozenset(fact.running_ids) | frozenset(fact.ended_ids)
        for app in self.world.apps.values():
            if any(c.container_id not in listed for c in app.containers):
                draft = self.draft(app.app_id)
                assert draft is not None, app.app_id
                observe.listed(draft, fact)

    def _sampled(self, fact: LoadSampled) -> None:
        """A sample older than the last one is ignored. After a gap, all that was needed before counts as needed just now."""
        seen = self.world.load_seen
        if fact.to_ms <= seen.until_ms:
            return
        gap = not seen.until_ms or fact.from_ms > seen.until_ms
        was_known = is_known(seen, self.now_ms)
        seen = LoadSeen(fact.from_ms if gap else seen.since_ms, fact.to_ms)
        self.world = replace(self.world, load_seen=seen)
        for touched in self.drafts.values():
            touched.seen = seen
        if gap or not was_known:
            for app in self.world.apps.values():
                if app.containers or any(service.count for service in app.services):
                    self.look_at(app.app_id)
        for load in fact.loads:
            if (draft := self.draft(load.app_id)) and observe.loaded(draft, load):
                self.look_at(load.app_id)

    def _wake_waiting(self) -> None:
        for app in self.world.apps.values():
            if any(c.state is ContainerState.PENDING for c in app.containers):
                self.look_at(app.app_id)

    def _routes(self, apps: dict[str, App], gone: list[str]) -> list[SetRoutes]:
        """Only what differs; and of who leaves the World, because nobody will say it again after a restart.

        First what is given up: another App of this step may be the one that takes it.
        """
        changed = []
        for app_id, draft in self.drafts.items():
            old = self.before.apps.get(app_id)
            if old is apps[app_id] or (old is not None and _has_same_pools(old, apps[app_id])):
                continue
            before = routing.table(old) if old is not None else ()
            after = routing.table(apps[app_id])
            if after != before or app_id in gone:
                changed.append((not draft.app.yielded, SetRoutes(app_id, after)))
        return [action for _, action in sorted(changed, key=lambda pair: pair[0])]


def _has_same_pools(old: App, new: App) -> bool:
    """Only what is known of its load is another: no route can differ."""
    same = old.containers is new.containers and old.deployments is new.deployments
    return same and (old.state, old.yielded) == (new.state, new.yielded)


def _find_app(apps: Iterable[App], environment: str, name: str) -> App | None:
    over = (AppState.STOPPING, AppState.STOPPED)
    return next((a for a in apps if (a.environment, a.name) == (environment, name) and a.state not in over), None)


def _refused(app: App | None, fact: DeployRequested) -> bool:
    """Only what is deployed can be rolled back or over: it is no way to bring a stopped App back (semantics 1.7.6)."""
    if fact.kind is DeployKind.STANDARD:
        return False
    return app is None or app.app_id != fact.app_id or app.state is not AppState.DEPLOYED


def _unchanged(app: App, fact: DeployRequested) -> DeployUnchanged | None:
    """Asked before with the same id, or the same configuration as the one that runs or is on its way (semantics 1.1.4).

    Whoever rolls back or over asks for new containers, so that is never a no-op for its configuration.
    """
    if fact.request_id in app.request_ids:
        return DeployUnchanged(app, fact.request_id)
    newest = [d for d in app.deployments if d.state in (DeploymentState.ROLLING, DeploymentState.LIVE)]
    target = max(newest, key=lambda d: d.version, default=None)
    same = target is not None and target.manifest_digest == fact.manifest_digest
    return DeployUnchanged(app, fact.request_id) if same and fact.kind is DeployKind.STANDARD else None


def _decide(draft: Draft) -> None:
    retire.expire(draft)
    if draft.app.state is AppState.STOPPED:
        return
    if draft.app.state is not AppState.STOPPING:
        rollout.scale_down(draft)
        rollout.settle(draft)
    if draft.app.state is AppState.STOPPING:
        retire.stop_all(draft)
    else:
        rollout.arrange(draft)


def _started(draft: Draft) -> list[str]:
    before = {c.container_id for c in draft.app.containers if c.state is not ContainerState.PENDING}
    return [
        c.container_id
        for c in draft.containers.values()
        if c.state is ContainerState.STARTING and c.container_id not in before
    ]


def _wake_at_ms(draft: Draft) -> int:
    times = [c.deadline_ms for c in draft.containers.values() if c.deadline_ms]
    for container in draft.containers.values():
        retry_at_ms = draft.services[container.service_id].retry_at_ms
        if container.state is ContainerState.PENDING and retry_at_ms > draft.now_ms:
            times.append(retry_at_ms)
    if draft.app.state in (AppState.INITIALIZING, AppState.DEPLOYED):
        for service_id, service in draft.services.items():
            if spec := draft.current_spec(service_id):
                times.append(lowers_at_ms(service, spec, draft.seen, draft.now_ms))
    return min(filter(None, times), default=0)
