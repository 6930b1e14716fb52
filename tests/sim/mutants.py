"""Bugs to be put into the core, one at a time: the simulator has to catch each, or a fault or a law is missing.

A mutant is a rule of the core turned off or bent. `replace` puts it in and takes it out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType, SimpleNamespace
from typing import Any

from homeport.control import kernel, redeploy
from homeport.core import backoff, draft, failures, observe, place, reconcile, retire, rollout, routing, scale
from homeport.core.actions import SetRoutes, StopContainer
from homeport.core.facts import ContainerDrained, DeployKind, EngineListed
from homeport.core.model import App, Capacity, Container, Deployment
from homeport.core.states import AppState, ContainerState, DeploymentState

from . import scaling


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `owner`, the thing called `name` is `bent`. A law notices, or a lifecycle's table; where the core can only crash
    over it, `crash` says how.
    """

    story: str
    owner: ModuleType | type
    name: str
    bent: Any
    crash: type[Exception] = AssertionError  # broken laws and illegal moves are of this kind

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


def _exits_do_not_count(work: draft.Draft, container: Container, words: str = "") -> None:
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


def _failed_and_still_there(work: draft.Draft, deployment: Deployment, reason: str, culprit: str = "") -> None:
    work.move_deployment(deployment.version, DeploymentState.FAILED, reason=reason, culprit=culprit)


def _live_beside_the_old_one(work: draft.Draft, rolling: Deployment) -> None:
    work.move_deployment(rolling.version, DeploymentState.LIVE)
    if work.app.state is AppState.INITIALIZING:
        work.move_app(AppState.DEPLOYED)


def _sides_without_old_ones(work: draft.Draft, service_id: str, name: str) -> rollout.Sides:
    return replace(_whole_sides(work, service_id, name), others_count=0)


def _sides_beyond_the_cap(work: draft.Draft, service_id: str, name: str) -> rollout.Sides:
    sides = _whole_sides(work, service_id, name)
    return replace(sides, others_count=sides.others_count + 1) if sides.base else sides


def _only_the_new_ones_are_kept(work: draft.Draft, service_id: str, name: str) -> rollout.Sides:
    return replace(_whole_sides(work, service_id, name), base=None)


def _nobody_is_replaced(work: draft.Draft, service_id: str, deployment: Any, count: int) -> None:
    mine = [c for c in work.of_service(service_id) if deployment and c.version == deployment.version]
    if not any(c.state is ContainerState.READY for c in mine):
        _whole_resize(work, service_id, deployment, count)


def _drains_are_never_over(work: draft.Draft) -> None:
    draining = {i: c for i, c in work.containers.items() if c.state is ContainerState.DRAINING}
    for container_id in draining:
        del work.containers[container_id]
    _whole_expire(work)
    work.containers.update(draining)


def _cut_by_hand(work: draft.Draft, fact: Any) -> None:
    container = work.containers.get(fact.container_id)
    if container is not None:
        work.retire(container, "stopped by a person")


def _beside_the_one_that_rolls(work: draft.Draft, fact: Any) -> None:
    rolling = work.in_state(DeploymentState.ROLLING)
    _whole_published(work, fact)
    if rolling is not None:
        work.deployments[rolling.version] = rolling


def _still_live(work: draft.Draft) -> None:
    if work.app.state not in (AppState.STOPPING, AppState.STOPPED):
        work.move_app(AppState.STOPPING)


def _yields_while_it_runs(work: draft.Draft) -> None:
    work.app = replace(work.app, yielded=True)


def _ready_without_an_address(work: draft.Draft, fact: Any) -> None:
    container = work.containers.get(fact.container_id)
    if container is not None and container.state is ContainerState.STARTING:
        work.move(container, ContainerState.READY)


def _good_news_is_overlooked(work: draft.Draft, fact: Any) -> None:
    if not fact.healthy:
        _whole_probed(work, fact)


def _gone_though_it_is_young(work: draft.Draft, fact: EngineListed) -> None:
    _whole_listed(work, replace(fact, asked_at_ms=1 << 62))


def _no_wait_between_tries(world: Any, drafts: Any, now_ms: int) -> None:
    work = list(drafts)
    services = [dict(one.services) for one in work]
    for one in work:
        one.services = {i: replace(s, retry_at_ms=0) for i, s in one.services.items()}
    _whole_place(world, work, now_ms)
    for one, kept in zip(work, services, strict=True):
        one.services = kept


def _the_newest_check_holds(app: App, specs: Any) -> Any:
    return replace(_whole_route(app, specs), authenticated=specs[-1].authenticated)


def _who_drains_is_unknown(app: App) -> Any:
    return tuple(replace(r, targets=tuple(t for t in r.targets if not t.draining)) for r in _whole_table(app))


def _silent_when_stopped(app: App) -> Any:
    return () if app.state in (AppState.STOPPING, AppState.STOPPED) else _whole_table(app)


def _speaks_for_its_newest_only(work: draft.Draft) -> None:
    work.app = replace(work.app, last=(work.app.version,))


def _orphans_are_kept(self: Any, fact: EngineListed) -> None:
    actions = list(self.actions)
    _whole_work_listed(self, fact)
    self.actions = actions


def _found_though_it_is_over(apps: Any, environment: str, name: str) -> App | None:
    return next((a for a in apps if (a.environment, a.name) == (environment, name)), None)


def _found_in_any_environment(apps: Any, environment: str, name: str) -> App | None:
    return next((a for a in apps if a.name == name and a.state not in (AppState.STOPPING, AppState.STOPPED)), None)


def _given_up_last(self: Any, apps: Any, gone: Any) -> Any:
    return list(reversed(_whole_routes(self, apps, gone)))


def _routes_are_kept_back(self: Any, apps: Any, gone: Any) -> Any:
    return [action for action in _whole_routes(self, apps, gone) if action.routes]


def _stops_are_not_repeated(world: Any) -> Any:
    return tuple(action for action in _whole_resume(world) if not isinstance(action, StopContainer))


def _routes_are_not_repeated(world: Any) -> Any:
    return tuple(action for action in _whole_resume(world) if not isinstance(action, SetRoutes))


def _ended_and_not_cleaned_up(work: draft.Draft, container: Container, *args: Any, **more: Any) -> None:
    actions = list(work.actions)
    _whole_end(work, container, *args, **more)
    work.actions = actions


def _moved_and_not_told(work: draft.Draft, container: Container, state: ContainerState, **more: Any) -> Container:
    actions = list(work.actions)
    moved = _whole_move(work, container, state, **more)
    work.actions = actions
    return moved


def _changed_before_it_is_durable(self: kernel.Kernel, inputs: Any, now_ms: int) -> Any:
    before = self.world
    self.world = reconcile.step(before, [given.fact for given in inputs], now_ms).world
    after, self.world = self.world, before
    try:
        return _whole_accept(self, inputs, now_ms)
    except OSError:
        self.world = after
        raise


def _who_is_gone_stays_in_the_journal(before: Any, after: Any) -> Any:
    return [app for app in _whole_changed(before, after) if app.app_id in after.apps]


_whole_unchanged: Callable[..., Any] = reconcile._unchanged
_whole_rollback_target: Callable[..., Any] = redeploy.rollback_target
_whole_go_live: Callable[..., None] = rollout._go_live
_whole_fail: Callable[..., None] = rollout.fail
_whole_sides: Callable[..., rollout.Sides] = rollout._sides
_whole_resize: Callable[..., None] = rollout._resize
_whole_expire: Callable[..., None] = retire.expire
_whole_published: Callable[..., None] = observe.published
_whole_probed: Callable[..., None] = observe.probed
_whole_listed: Callable[..., None] = observe.listed
_whole_place: Callable[..., None] = place.place
_whole_route: Callable[..., Any] = routing._route
_whole_table: Callable[..., Any] = routing.table
_whole_work_listed: Callable[..., None] = reconcile._Work._listed
_whole_routes: Callable[..., Any] = reconcile._Work._routes
_whole_resume: Callable[..., Any] = reconcile.resume
_whole_end: Callable[..., None] = draft.Draft.end
_whole_move: Callable[..., Container] = draft.Draft.move
_whole_accept: Callable[..., Any] = kernel.Kernel.accept
_whole_changed: Callable[..., Any] = kernel._changed

MUTANTS = (
    # retire: what ends because its time is over
    Mutant("the startup timeout is forgotten", retire, "_never_ready", _nothing),
    Mutant("a sick container is kept for ever", retire, "FAILED_PROBES_MAX", 10**9),
    Mutant("a rollout waits for room for ever", retire, "_never_placed", _nothing),
    Mutant("a container that falls silent counts for nothing", retire, "failures", SimpleNamespace(count=_nothing)),
    Mutant("a stopped App keeps its containers", retire, "stop_all", _nothing),
    Mutant("a drain is never over", retire, "expire", _drains_are_never_over),
    # observe: what a fact means
    Mutant("a drain ends at its first fact", observe, "drained", _ended_by_any_drain_fact),
    Mutant("a lost container is waited for", observe, "listed", _nothing),
    Mutant("a container is lost that a late listing does not know yet", observe, "listed", _gone_though_it_is_young),
    Mutant("failures are not counted", failures, "count", _exits_do_not_count),
    Mutant("a version number is left out", observe, "published", _published_over_it),
    Mutant("a newer version leaves a rollout as it is", observe, "published", _beside_the_one_that_rolls),
    Mutant("a stopped App keeps its live version", observe, "stop_requested", _still_live),
    Mutant("an App that runs gives its URLs away", observe, "forgotten", _yields_while_it_runs),
    Mutant("stopping a container by hand cuts what drains", observe, "container_stop_requested", _cut_by_hand),
    Mutant("a container without an address serves", observe, "ready", _ready_without_an_address),
    Mutant("failed health checks are overlooked", observe, "probed", _nothing),
    Mutant("a container that answers again stays out", observe, "probed", _good_news_is_overlooked),
    Mutant("the wait between tries is not bounded", failures, "delay_ms", lambda failures: backoff.LIMIT_MS * 1000),
    Mutant("only the last request is known again", observe, "REQUESTS_KEPT", 1),
    # rollout: how one version takes over
    Mutant("tries are without end", rollout, "ROLLOUT_TRIES", 10**9),
    Mutant("a version is live before it serves", rollout, "settle", _live_at_once),
    Mutant("the old version stays live too", rollout, "_go_live", _live_beside_the_old_one),
    Mutant("a failed version takes the live one with it", rollout, "fail", _fail_with_the_live_one),
    Mutant("an App whose first version failed stays", rollout, "fail", _failed_and_still_there),
    Mutant("a redeploy cuts requests", rollout, "_grace_ms", lambda *_: 0),
    Mutant("a redeploy hurries requests", rollout, "_grace_ms", lambda *_: 1_000),
    Mutant("a recreate waits for what drains from before", rollout, "_cut_drains", _nothing),
    Mutant("old versions are never retired", rollout, "_retire_others", _nothing),
    Mutant("old containers go before new ones serve", rollout, "_sides", _sides_without_old_ones),
    Mutant("the live version grows beyond the cap", rollout, "_sides", _sides_beyond_the_cap),
    Mutant("what starts for the live version ends with a rollout", rollout, "_sides", _only_the_new_ones_are_kept),
    Mutant("overtaken containers are not counted", rollout, "_ready_of_others", lambda *_: 0),
    Mutant("a container that died is not replaced", rollout, "_resize", _nobody_is_replaced),
    Mutant("a container with sessions is scaled down", rollout, "_stays", lambda *_: False),
    Mutant("a container that had sessions stays for ever", observe, "loaded", scaling.ends_of_sessions_are_overlooked),
    Mutant("min_containers is overlooked", rollout, "wanted", scaling.wanted_without("min_containers")),
    Mutant("max_containers is overlooked", rollout, "wanted", scaling.wanted_without("max_containers")),
    Mutant("buffer_containers is overlooked", rollout, "wanted", scaling.wanted_without("buffer_containers")),
    Mutant("what went live is not used yet", rollout, "needed", lambda service, *_: service),
    # scale: how many a load needs
    Mutant("no load needs more than one", scale, "need", lambda *_: 1),
    Mutant("a load needs one more than it needs", scale, "need", scaling.one_more),
    Mutant("a load need not last", scale, "loaded", scaling.loaded_at_once),
    Mutant("an idle Server keeps what it has", rollout, "lowered", lambda service, *_: service),
    Mutant("an idle Server loses what it has at once", rollout, "lowered", scaling.lowered_at_once),
    Mutant("of a window the last need counts, not the highest", scale, "_with_peak", scaling.only_the_last_need),
    Mutant("nobody asks whether the load is known", scale, "is_known", lambda *_: True),
    Mutant("a gap in the samples is overlooked", reconcile._Work, "_sampled", scaling.gaps_are_overlooked),
    Mutant("after a restart nothing counts as needed", scale, "_peaks", lambda service, spec, now_ms: service.load.peaks),
    Mutant("a request on an empty pool starts nothing", observe, "demanded", _nothing),
    Mutant("samples are overlooked", observe, "loaded", _nothing),
    Mutant("what a sample asks for is left to the next look", draft.Draft, "is_calm", scaling.same_containers),
    Mutant("settings that were changed hold for the next version", observe, "published", scaling.settings_are_kept),
    Mutant("settings that are changed take others back", observe, "added", lambda _, new: tuple(new)),
    # place: what may start
    Mutant("requests for capacity are oversubscribed", place, "used", lambda *_: Capacity(0, 0)),
    Mutant("what failed is started again at once", reconcile, "place", _no_wait_between_tries),
    Mutant("a rollout that waits has no deadline", place, "_rolls", lambda *_: False),
    Mutant("room that is left goes to nobody", reconcile._Work, "_wake_waiting", _nothing),
    # routing: what is served
    Mutant("what is not ready is routed", routing, "is_serving", _all_are_serving),
    Mutant("what does not answer is routed", routing, "is_serving", lambda c: c.state is ContainerState.READY),
    Mutant("what drains is cut off", routing, "table", _who_drains_is_unknown),
    Mutant("a stopped App does not say so", routing, "table", _silent_when_stopped),
    Mutant("a stopped App says so for its newest version alone", draft.Draft, "keep_last", _speaks_for_its_newest_only),
    Mutant("requests without a token reach the version before", routing, "_route", _the_newest_check_holds),
    # reconcile and draft: the order of things, and what others are told
    Mutant("deadlines are never woken for", reconcile, "_wake_at_ms", lambda _: 0),
    Mutant("the same configuration makes a new version", reconcile, "_unchanged", _nothing),
    Mutant("a rollover of the same code is taken for a no-op", reconcile, "_unchanged", _equal_is_unchanged),
    Mutant("a rollback that is asked twice is made twice", reconcile, "_unchanged", _asked_twice_is_made_twice),
    Mutant("a rollback revives a stopped App", reconcile, "_refused", lambda *_: False),
    Mutant("a deploy revives a stopped App", reconcile, "_find_app", _found_though_it_is_over, KeyError),
    Mutant("environments share their Apps", reconcile, "_find_app", _found_in_any_environment),
    Mutant("two Apps claim one URL", reconcile._Work, "_take_over", _nothing),
    Mutant("a URL is taken before it is given up", reconcile._Work, "_routes", _given_up_last),
    Mutant("routes that end are not told", reconcile._Work, "_routes", _routes_are_kept_back),
    Mutant("containers that nobody knows are kept", reconcile._Work, "_listed", _orphans_are_kept),
    Mutant("nothing is said again after a restart", reconcile, "resume", lambda _: ()),
    Mutant("stops are not said again after a restart", reconcile, "resume", _stops_are_not_repeated),
    Mutant("routes are not said again after a restart", reconcile, "resume", _routes_are_not_repeated),
    Mutant("what ended is not cleaned up", draft.Draft, "end", _ended_and_not_cleaned_up),
    Mutant("who shall stop is not told", draft.Draft, "move", _moved_and_not_told),
    Mutant("facts that change something are passed over", draft.Draft, "is_changed", lambda _: False),
    # the kernel and what chooses versions
    Mutant("a rollback goes to the newest version", redeploy, "rollback_target", _back_to_the_newest),
    Mutant("what was decided is not written down", kernel.Kernel, "accept", _accept_without_journal),
    Mutant("the World changes though the journal can't", kernel.Kernel, "accept", _changed_before_it_is_durable),
    Mutant("a count that a load asked for is not written down", kernel, "_is_sampled", lambda _, old: old is not None),
    Mutant("an App that was dropped comes back", kernel, "_changed", _who_is_gone_stays_in_the_journal),
)
