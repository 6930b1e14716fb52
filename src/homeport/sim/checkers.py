"""Laws over more than one step, and over what the simulated world really did: requests, histories, leftovers.

Shares nothing with the deciding code but the model. A checker raises LawBroken; it never repairs.
"""

from __future__ import annotations

from ..control.kernel import Kernel, lasting
from ..core import routing
from ..core.actions import SetRoutes
from ..core.events import ContainerMoved, DeployUnchanged
from ..core.facts import DeployKind, DeployRequested, Fact
from ..core.model import App, Strategy, World
from ..core.reconcile import Step
from ..core.scale import wanted
from ..core.states import AppState, ContainerState, DeploymentState
from ..store import records
from .options import Options
from .plane import LawBroken, Surroundings

# After somebody stopped a container, its Server may have none for as long as a slow one takes to boot.
EXCUSE_MS = 30_000


class Checker:
    """Follows one simulation. `requests_failed` counts what clients saw of empty pools, for the report."""

    def __init__(self, options: Options, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._served: set[str] = set()  # hosts that once had a serving container and must not lose them all
        self._unchanged: App | None = None
        self._excused_until_ms: dict[str, int] = {}
        self.requests_failed = 0

    def on_step(self, before: World, step: Step) -> None:
        for action in step.actions:
            if isinstance(action, SetRoutes):
                self._forget_removed(before.apps.get(action.app_id), {route.host for route in action.routes})
        for event in step.events:
            match event:
                case ContainerMoved(app_id, container) if container.state is ContainerState.STOPPING:
                    self._told_to_stop(before.apps.get(app_id), step.world.apps[app_id], container.container_id)
                case DeployUnchanged(app) if step.world.apps[app.app_id].version != app.version:
                    raise LawBroken(f"a no-op changed {app.app_id}")
                case _:
                    pass

    def before_wish(self, wish: Fact, world: World) -> None:
        """Remembers whether what somebody is about to ask for is there already."""
        self._unchanged = None
        if isinstance(wish, DeployRequested) and wish.kind is DeployKind.STANDARD:
            for app in world.apps.values():
                states = (DeploymentState.ROLLING, DeploymentState.LIVE)
                newest = [d for d in app.deployments if d.state in states][-1:]
                same = app.name == wish.app_name and any(d.manifest_digest == wish.manifest_digest for d in newest)
                self._unchanged = app if same else self._unchanged

    def after_wish(self, wish: Fact, world: World) -> None:
        before = self._unchanged
        after = world.apps.get(before.app_id) if before else None
        if before is not None and after is not None and after.version != before.version:
            raise LawBroken(f"{wish} changes nothing, and made v{after.version}")

    def on_refusal(self, host: str) -> None:
        """A request found no container."""
        self.requests_failed += 1
        if self._options.faultless and host in self._served:
            raise LawBroken(f"{host} had containers, nothing failed, and a request found none")

    def on_answer(self, host: str) -> None:
        if self._excused_until_ms.get(host, 0) <= self._around.timeline.now_ms:
            self._served.add(host)

    def on_stop(self, app: App) -> None:
        """Somebody stopped it, or a container of it: its hosts may be empty for a while."""
        self._excuse({spec.host for d in app.deployments for spec in d.services})

    def at_rest(self, kernel: Kernel) -> None:
        """After a time without faults or people: everything has come to an end, and all sides agree."""
        world = kernel.world
        self._history_is_whole()
        for app in world.apps.values():
            self._app_at_rest(app, limited=world.capacity is not None)
        believed = {
            c.container_id for app in world.apps.values() for c in app.containers if c.state is not ContainerState.PENDING
        }
        existing = set(self._around.engine.sandboxes)
        if believed != existing:
            raise LawBroken(f"engine and World disagree: {sorted(believed ^ existing)}")
        tables = {app.app_id: table for app in world.apps.values() if (table := routing.table(app))}
        if tables != self._around.router.tables:
            raise LawBroken("router and World disagree")
        reloaded = Kernel(self._around.journal, "simsim").world.apps.values()
        if [lasting(app) for app in reloaded] != [lasting(app) for app in world.apps.values()]:
            raise LawBroken("the journal does not hold what the World holds")

    def _forget_removed(self, old: App | None, hosts: set[str]) -> None:
        """A Server that a version took out may come back later, with an empty pool at first."""
        if old is not None:
            self._excuse({route.host for route in routing.table(old)} - hosts)

    def _excuse(self, hosts: set[str]) -> None:
        for host in hosts:
            self._served.discard(host)
            self._excused_until_ms[host] = self._around.timeline.now_ms + EXCUSE_MS

    def _history_is_whole(self) -> None:
        """Versions from 1 without a gap, and each of them came to exactly one end or is the live one."""
        newest: dict[str, int] = {}
        open_ones: set[tuple[str, int]] = set()
        for written in self._around.journal.records:
            kind, body = written.record.kind, written.record.body
            if kind == records.DEPLOYMENT_PUBLISHED:
                app_id, version = str(body["app_id"]), int(str(body["version"]))
                if version != newest.get(app_id, 0) + 1:
                    raise LawBroken(f"{app_id}: v{version} was published after v{newest.get(app_id, 0)}")
                newest[app_id] = version
                open_ones.add((app_id, version))
            elif kind == records.DEPLOYMENT_SETTLED:
                open_ones.discard((str(body["app_id"]), int(str(body["version"]))))
        if open_ones:
            raise LawBroken(f"these deployments never came to an end: {sorted(open_ones)}")

    def _told_to_stop(self, old: App | None, new: App, container_id: str) -> None:
        """Not before its requests are over or its time is, unless it is dead already or somebody wanted it at once."""
        container = next((c for c in old.containers if c.container_id == container_id), None) if old else None
        if container is None or container.state is not ContainerState.DRAINING:
            return
        at_once = new.state is AppState.STOPPING or any(
            d.state is DeploymentState.ROLLING and d.strategy is Strategy.RECREATE for d in new.deployments
        )
        early = self._around.timeline.now_ms < container.deadline_ms
        if early and not at_once and self._around.router.in_flight(container_id) and self._trustworthy(container_id):
            raise LawBroken(f"{container_id} was told to stop with requests in flight before its grace was over")

    def _trustworthy(self, container_id: str) -> bool:
        """Late facts can be wrong about in-flight only while the router still sends requests there (it is behind)."""
        targets = [t for route in self._around.router.hosts() for t in route.targets if t.container_id == container_id]
        return not targets or all(t.draining for t in targets)

    def _app_at_rest(self, app: App, limited: bool) -> None:
        if app.state not in (AppState.DEPLOYED, AppState.STOPPED):
            raise LawBroken(f"{app.app_id} is {app.state.value} for ever")
        if any(d.state is DeploymentState.ROLLING for d in app.deployments):
            raise LawBroken(f"{app.app_id} rolls for ever")
        if app.state is AppState.STOPPED and app.containers:
            raise LawBroken(f"{app.app_id} is stopped and has containers")
        if app.state is AppState.STOPPED or limited:
            return
        live = next(d for d in app.deployments if d.state is DeploymentState.LIVE)
        for spec in live.services:
            service = next(s for s in app.services if s.name == spec.name)
            serving = [c for c in app.containers if c.service_id == service.service_id]
            if len(serving) != wanted(spec) or any(c.state is not ContainerState.READY or c.failures for c in serving):
                raise LawBroken(f"{app.app_id}/{spec.name} has {[c.state.value for c in serving]} of {wanted(spec)}")
