"""The laws of one App from one step to the next, each a named function to the sentences that say how it is broken.

Used after every step by the simulator and by property tests, and as alarms in production. They state what must hold, not
how it is brought about, and share no code with the deciding parts but the model. Those between the World and the actions
of a step are in `consistency.py`; `broken` asks all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from . import consistency
from .model import App, Container, Deployment, ServiceSpec, Strategy, World
from .reconcile import Step
from .rollout import GRACE_MS
from .states import AppState, ContainerState, DeploymentState

Law = Callable[[App | None, App], Iterator[str]]

ACTIVE = (ContainerState.PENDING, ContainerState.STARTING, ContainerState.READY)
CURRENT = (DeploymentState.ROLLING, DeploymentState.LIVE)
OVER = (AppState.STOPPING, AppState.STOPPED)
# What a rollout has no part in: a person wanted it, or the container itself gave the reason.
EXCUSES = ("stopped by a person", "failed its health checks", "does not answer", "did not become ready")


def broken(before: World, step: Step) -> list[str]:
    """Every law that this step breaks, in words; empty when all hold. What it did not touch broke no law before."""
    if not step.actions and not step.events and all(_is_still(before.apps.get(i), a) for i, a in step.world.apps.items()):
        return []
    found = [f"{law.__name__}: {words}" for law in consistency.LAWS for words in law(before, step)]
    for app in step.world.apps.values():
        old = before.apps.get(app.app_id)
        if app is not old:
            found += [f"{law.__name__}: {app.app_id}: {words}" for law in LAWS for words in law(old, app)]
    return found


def _is_still(old: App | None, app: App) -> bool:
    """At most the load of its services is another, which no law is about: so are most steps of a busy platform."""
    if app is old:
        return True
    return old is not None and app.containers is old.containers and app.deployments is old.deployments


def an_app_is_what_its_state_says(_old: App | None, app: App) -> Iterator[str]:
    live, rolling = (_count(app, state) for state in (DeploymentState.LIVE, DeploymentState.ROLLING))
    legal = {
        AppState.INITIALIZING: live == 0 and rolling == 1,
        AppState.DEPLOYED: live == 1 and rolling <= 1,
        AppState.STOPPING: live == rolling == 0 and all(c.state is ContainerState.STOPPING for c in app.containers),
        AppState.STOPPED: live == rolling == 0 and not app.containers,
    }
    if not legal[app.state]:
        states = [c.state.value for c in app.containers]
        yield f"it is {app.state.value} with {live} live and {rolling} rolling deployments and containers {states}"
    if app.yielded and app.state not in OVER:
        yield f"it is {app.state.value}, and its URLs are up for others"


def history_grows(old: App | None, app: App) -> Iterator[str]:
    versions = [d.version for d in app.deployments]
    if old is not None and app.version < old.version:
        yield f"went from v{old.version} to v{app.version}"
    if any(v > app.version for v in versions) or versions != sorted(set(versions)):
        yield f"has deployments {versions} at v{app.version}"


def a_version_never_changes(old: App | None, app: App) -> Iterator[str]:
    """What was published stays what it was, and what came to an end keeps that end's time."""
    was = _deployments(old)
    for new in app.deployments:
        before = was.get(new.version)
        if before is not None and _published(before) != _published(new):
            yield f"v{new.version} was changed after it was published"
        if before is not None and before.settled_at_ms and before.settled_at_ms != new.settled_at_ms:
            yield f"v{new.version} was settled twice"


def a_service_keeps_its_id(old: App | None, app: App) -> Iterator[str]:
    """Semantics 1.1.12."""
    was = [(s.service_id, s.name) for s in old.services] if old else []
    now = [(s.service_id, s.name) for s in app.services]
    if now[: len(was)] != was or len({name for _, name in now}) != len(now):
        yield f"its services were {was} and are {now}"


def a_container_keeps_its_place(old: App | None, app: App) -> Iterator[str]:
    """One container belongs to one version of one service for ever, and an id is never given twice."""
    was = {c.container_id: c for c in old.containers} if old else {}
    newest = max(was, default="")
    for container in app.containers:
        before = was.get(container.container_id)
        if before is None and container.container_id <= newest:
            yield f"{container.container_id} is new and its id is not"
        if before is not None and (before.service_id, before.version) != (container.service_id, container.version):
            yield f"{container.container_id} changed sides"


def a_start_waits_its_turn(old: App | None, app: App) -> Iterator[str]:
    """After a failure nothing of that service starts before its time; and nobody serves who has no address."""
    was = {c.container_id: c.state for c in old.containers} if old else {}
    retry_at_ms = {s.service_id: s.retry_at_ms for s in app.services}
    for container in app.containers:
        newly = was.get(container.container_id) is not container.state
        if container.state is ContainerState.STARTING and newly and container.since_ms < retry_at_ms[container.service_id]:
            yield f"{container.container_id} starts before its time"
        if container.state is ContainerState.READY and not container.address:
            yield f"{container.container_id} is ready without an address"


def what_failed_is_counted(old: App | None, app: App) -> Iterator[str]:
    """Whoever is told to stop for what it did itself keeps the next one waiting, as if it had ended."""
    was = {c.container_id: c.failed for c in old.containers} if old else {}
    counted = {s.service_id for s in app.services if s.failures}
    for container in app.containers:
        if container.failed and not was.get(container.container_id, True) and container.service_id not in counted:
            yield f"{container.container_id} failed ({container.reason}), and that is forgotten"


def live_means_serving(old: App | None, app: App) -> Iterator[str]:
    """A version becomes live only with everything that it wants serving."""
    was = _deployments(old)
    for deployment in app.deployments:
        before = was.get(deployment.version)
        newly = deployment.state is DeploymentState.LIVE and (before is None or before.state is not DeploymentState.LIVE)
        for spec in _specs(deployment).values() if newly else ():
            mine = [c for c in _of_service(app, spec.name) if c.version == deployment.version]
            if sum(map(_serves, mine)) < _floor(spec):
                yield f"v{deployment.version} became live with {[c.state.value for c in mine]} for {spec.name}"


def a_rollout_takes_nothing_away(old: App | None, app: App) -> Iterator[str]:
    """While a rolling rollout runs, a step may retire a serving container only if what serves then still reaches what
    the live version wants (or the target, if that is lower; or one less than the cap, where that leaves no room)."""
    rolling = _in_state(app, DeploymentState.ROLLING)
    if old is None or rolling is None or rolling.strategy is Strategy.RECREATE:
        return
    targets, floors = _specs(rolling), _specs(_in_state(app, DeploymentState.LIVE))
    for name in floors | targets:
        specs = [named[name] for named in (floors, targets) if name in named]
        was = {c.container_id for c in _of_service(old, name) if _serves(c)}
        now = {c.container_id: c for c in _of_service(app, name)}
        least = min(*(_need(app, spec) for spec in specs), _beside(targets.get(name)), len(was))
        taken = [c for c in sorted(was & now.keys()) if now[c].state is not ContainerState.READY and not _excused(now[c])]
        serving = sum(map(_serves, now.values()))
        if taken and serving < least:
            yield f"{name}: {taken} retired while {serving} of {least} serve"


def the_live_version_is_kept_up(_old: App | None, app: App) -> Iterator[str]:
    """While another one comes up beside it, what dies of the live version is replaced."""
    rolling, live = _in_state(app, DeploymentState.ROLLING), _in_state(app, DeploymentState.LIVE)
    if rolling is None or live is None or rolling.strategy is Strategy.RECREATE:
        return
    targets = _specs(rolling)
    for name, floor in _specs(live).items():
        mine = _of_service(app, name)
        there = [c for c in mine if _serves(c) or (c.version == live.version and c.state in ACTIVE)]
        least = min(_need(app, floor), _beside(targets.get(name)))
        if len(there) < least:
            yield f"{name} has {len(there)} containers that serve or will, and v{live.version} wants {least}"


def a_failed_version_goes_alone(old: App | None, app: App) -> Iterator[str]:
    """A version that fails takes no traffic from the live one: the containers of that one stay."""
    states = {d.version: d.state for d in app.deployments}
    rolled = _in_state(old, DeploymentState.ROLLING) if old else None
    live = _in_state(app, DeploymentState.LIVE)
    if old is None or rolled is None or live is None or states.get(rolled.version) is not DeploymentState.FAILED:
        return
    now = {c.container_id: c for c in app.containers if c.state is not ContainerState.READY and not _excused(c)}
    lost = [c.container_id for c in old.containers if _serves(c) and c.version == live.version and c.container_id in now]
    if lost:
        yield f"v{rolled.version} failed and took {lost} with it"


def what_boots_is_wanted(_old: App | None, app: App) -> Iterator[str]:
    """Nothing of a version that failed or was overtaken goes on starting."""
    for container in app.containers:
        state = _deployments(app)[container.version].state
        boots = container.state in (ContainerState.PENDING, ContainerState.STARTING)
        if boots and state not in (DeploymentState.LIVE, DeploymentState.ROLLING):
            yield f"{container.container_id} is {container.state.value} for v{container.version}, which is {state.value}"


def what_is_not_needed_drains(old: App | None, app: App) -> Iterator[str]:
    """Containers that are replaced or too many finish what they were assigned, for the time promised (decision 6)."""
    was = {c.container_id: c.state for c in old.containers} if old else {}
    rolling = _in_state(app, DeploymentState.ROLLING)
    recreate = rolling is not None and rolling.strategy is Strategy.RECREATE
    for container in app.containers:
        if was.get(container.container_id) is not ContainerState.READY:
            continue
        spared = container.reason.startswith(("replaced by", "no longer wanted")) and app.state not in OVER
        if container.state is ContainerState.STOPPING and spared and not recreate:
            yield f"{container.container_id} was serving and was told to end without a drain"
        if container.state is ContainerState.DRAINING:
            grace_ms = _spec(app, container).exit_grace_ms or GRACE_MS
            if container.deadline_ms - container.since_ms != grace_ms:
                yield f"{container.container_id} drains for {container.deadline_ms - container.since_ms} ms, not {grace_ms}"


def recreate_ends_the_old_at_once(_old: App | None, app: App) -> Iterator[str]:
    """Semantics 1.1.8, 1.4.13."""
    rolling = _in_state(app, DeploymentState.ROLLING)
    if rolling is None or rolling.strategy is not Strategy.RECREATE:
        return
    for container in app.containers:
        if container.version != rolling.version and container.state is not ContainerState.STOPPING:
            yield f"{container.container_id} is {container.state.value} while v{rolling.version} recreates"


def an_override_goes_with_its_version(old: App | None, app: App) -> Iterator[str]:
    """Semantics 1.1.14: what was changed before a version was published is no setting of it; until then nothing is lost."""
    was = _deployments(old)
    for deployment in app.deployments:
        before = was.get(deployment.version)
        lost = {(o.service, o.setting) for o in before.overrides} if before else set()
        if lost := lost - {(o.service, o.setting) for o in deployment.overrides}:
            yield f"v{deployment.version} lost what was changed of it: {sorted(lost)}"
        if any(o.at_ms < deployment.published_at_ms for o in deployment.overrides):
            yield f"v{deployment.version} has settings of the version before it"
        names = [(o.service, o.setting) for o in deployment.overrides]
        if len(set(names)) != len(names):
            yield f"v{deployment.version} has one setting twice: {names}"


def a_count_is_no_less_than_its_load(old: App | None, app: App) -> Iterator[str]:
    """No service falls below what a sample of its last window needed; and it never gives way to less than nothing."""
    was = {s.service_id: s for s in old.services} if old else {}
    for service in app.services:
        before = was.get(service.service_id)
        if service.count < 0:
            yield f"{service.name} needs {service.count}"
        if before and service.count < before.count and any(p.count > service.count for p in service.load.peaks):
            yield f"{service.name} fell to {service.count} with {service.load.peaks}"


def a_rise_has_lasted(old: App | None, app: App) -> Iterator[str]:
    """Of a service that has any, the count rises only after its load asked for that during the whole of `scaleup_window`."""
    was = {s.service_id: s for s in old.services} if old else {}
    for service in app.services:
        before = was.get(service.service_id)
        if old is None or before is None or not 0 < before.count < service.count:
            continue
        current = [_specs(d) for a in (old, app) for d in a.deployments if d.state in CURRENT]
        windows_s = [specs[service.name].scaleup_window_s for specs in current if service.name in specs]
        lasted_ms = service.scaled_at_ms - before.load.rising_since_ms if before.load.rising_since_ms else 0
        if lasted_ms < min(windows_s, default=0) * 1000:
            yield f"{service.name} rose to {service.count} after {lasted_ms} ms, and its window is {min(windows_s)} s"


def a_cap_is_kept(_old: App | None, app: App) -> Iterator[str]:
    """`max_containers`: of one version always, and of all together while a version rolls out (semantics 1.1.9)."""
    rolling = _in_state(app, DeploymentState.ROLLING)
    target = rolling or _in_state(app, DeploymentState.LIVE)
    for spec in _specs(target).values():
        active = [c for c in _of_service(app, spec.name) if c.state in ACTIVE]
        counted = active if rolling else [c for c in active if target and c.version == target.version]
        if not rolling and spec.sessions_max and all(c.state is ContainerState.READY for c in counted):
            continue  # lowered while they have sessions
        if spec.max_containers and len(counted) > spec.max_containers:
            yield f"{spec.name} has {len(counted)} containers and may have {spec.max_containers}"


def every_wait_has_an_end(_old: App | None, app: App) -> Iterator[str]:
    """No container is left in a state that nothing would ever end, and somebody is woken for it."""
    versions = _deployments(app)
    for container in app.containers:
        rolls = versions[container.version].state is DeploymentState.ROLLING
        timed = container.state in (ContainerState.STARTING, ContainerState.DRAINING)
        if (timed or (rolls and container.state is ContainerState.PENDING)) and not container.deadline_ms:
            yield f"{container.container_id} is {container.state.value} without a deadline"
        if container.deadline_ms and not 0 < app.wake_at_ms <= container.deadline_ms:
            yield f"{container.container_id} ends at {container.deadline_ms}, and nobody is woken for it"


LAWS: Sequence[Law] = (
    an_app_is_what_its_state_says,
    history_grows,
    a_version_never_changes,
    a_service_keeps_its_id,
    a_container_keeps_its_place,
    a_start_waits_its_turn,
    what_failed_is_counted,
    live_means_serving,
    a_rollout_takes_nothing_away,
    the_live_version_is_kept_up,
    a_failed_version_goes_alone,
    what_boots_is_wanted,
    what_is_not_needed_drains,
    recreate_ends_the_old_at_once,
    an_override_goes_with_its_version,
    a_count_is_no_less_than_its_load,
    a_rise_has_lasted,
    a_cap_is_kept,
    every_wait_has_an_end,
)


def _count(app: App, state: DeploymentState) -> int:
    return sum(d.state is state for d in app.deployments)


def _in_state(app: App, state: DeploymentState) -> Deployment | None:
    return next((d for d in app.deployments if d.state is state), None)


def _deployments(app: App | None) -> Mapping[int, Deployment]:
    return {d.version: d for d in app.deployments} if app else {}


def _published(deployment: Deployment) -> tuple[object, ...]:
    d = deployment
    return d.manifest_digest, d.services, d.strategy, d.request_id, d.published_at_ms


def _of_service(app: App, name: str) -> list[Container]:
    mine = [s.service_id for s in app.services if s.name == name]
    return [c for c in app.containers if c.service_id in mine]


def _spec(app: App, container: Container) -> ServiceSpec:
    name = next(s.name for s in app.services if s.service_id == container.service_id)
    return next(s for s in _deployments(app)[container.version].services if s.name == name)


def _specs(deployment: Deployment | None) -> dict[str, ServiceSpec]:
    """By name, with what was changed since it was published."""
    found = {s.name: s for s in deployment.services} if deployment else {}
    for override in deployment.overrides if deployment else ():
        found[override.service] = replace(found[override.service], **{override.setting: override.value})  # type: ignore[arg-type]  # all of them are numbers
    return found


def _beside(target: ServiceSpec | None) -> int:
    """So many old containers may serve beside the first new one."""
    return target.max_containers - 1 if target and target.max_containers else 1 << 30


def _floor(spec: ServiceSpec) -> int:
    """At least one, at least `min_containers`; both bow to the cap."""
    return min(max(1, spec.min_containers), spec.max_containers or max(1, spec.min_containers))


def _need(app: App, spec: ServiceSpec) -> int:
    """At least one while it has load, at least `min_containers`; both bow to the cap."""
    count = next(s.count for s in app.services if s.name == spec.name)
    need = max(min(count, 1), spec.min_containers)
    return min(need, spec.max_containers or need)


def _excused(container: Container) -> bool:
    return container.reason.startswith(EXCUSES)


def _serves(container: Container) -> bool:
    return container.state is ContainerState.READY and container.failures == 0
