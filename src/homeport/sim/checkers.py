"""Laws over more than one step, and over what the simulated world did to requests. Those of a world at rest: `rest.py`.

Shares nothing with the deciding code but the model. A checker raises LawBroken; it never repairs.
"""

from __future__ import annotations

from dataclasses import replace

from ..core import reconcile, routing
from ..core.actions import SetRoutes
from ..core.events import ContainerMoved, DeployUnchanged, Scaled
from ..core.facts import DeployKind, DeployRequested, Fact
from ..core.model import App, Strategy, World
from ..core.reconcile import Step
from ..core.states import AppState, ContainerState, DeploymentState
from .options import Options
from .plane import LawBroken, Surroundings

# After somebody stopped a container, its Server may have none for as long as a slow one takes to boot.
EXCUSE_MS = 30_000
# Deciding everything twice is slow, so it is done after one step of so many.
DECIDE_AGAIN_EVERY = 20


class Checker:
    """Follows one simulation. `requests_failed` counts what clients saw of empty pools, for the report."""

    def __init__(self, options: Options, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._served: set[str] = set()  # hosts that once had a serving container and must not lose them all
        self._unchanged: App | None = None
        self._excused_until_ms: dict[str, int] = {}
        self._raised: dict[str, tuple[int, int]] = {}  # by service: when it last needed more, and its window then
        self._steps = 0
        self.requests_failed = 0

    def on_step(self, before: World, step: Step) -> None:
        self._steps += 1
        if self._steps % DECIDE_AGAIN_EVERY == 0:
            decided_at_once(step.world, self._around.timeline.now_ms)
        for action in step.actions:
            if isinstance(action, SetRoutes):
                self._forget_removed(before.apps.get(action.app_id), {route.host for route in action.routes})
        for event in step.events:
            match event:
                case ContainerMoved(app_id, container) if container.state is ContainerState.STOPPING:
                    self._told_to_stop(before.apps.get(app_id), step.world.apps.get(app_id), container.container_id)
                case ContainerMoved(_, container) if container.state is ContainerState.ENDED:
                    self._ended_in_truth(container.container_id)
                case Scaled():
                    self._scaled(step.world, event)
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

    def _forget_removed(self, old: App | None, hosts: set[str]) -> None:
        """A Server that a version took out may come back later, with an empty pool at first."""
        if old is not None:
            self._excuse({route.host for route in routing.table(old)} - hosts)

    def _scaled(self, world: World, event: Scaled) -> None:
        """Never down before a window has passed since it went up; never to nothing while a request was in flight."""
        now_ms, app = self._around.timeline.now_ms, world.apps[event.app_id]
        service_id = next(s.service_id for s in app.services if s.name == event.service)
        # also of a version that was overtaken in this very step: its window held until then
        specs = [s for d in app.deployments for s in d.services if s.name == event.service]
        if not specs:  # the step that lowered it ended its App, too
            return
        windows_s = [o.value for d in app.deployments for o in d.overrides if o.setting == "scaledown_window_s"]
        window_ms = 1000 * min([s.scaledown_window_s for s in specs] + windows_s)
        if event.count > event.before:
            self._raised[service_id] = (now_ms, window_ms)
            return
        raised_ms, window_then_ms = self._raised.get(service_id, (0, 0))
        if now_ms - raised_ms < min(window_ms, window_then_ms):
            raise LawBroken(f"{service_id} flaps: it went up {now_ms - raised_ms} ms ago, and down now")
        if event.count == 0:
            self._excuse({s.host for s in specs})
            if self._around.router.was_busy(service_id, now_ms - window_ms, world.load_seen.until_ms):
                raise LawBroken(f"{service_id} went to nothing, and a request was in flight in its window")

    def _excuse(self, hosts: set[str]) -> None:
        for host in hosts:
            self._served.discard(host)
            self._excused_until_ms[host] = self._around.timeline.now_ms + EXCUSE_MS

    def _ended_in_truth(self, container_id: str) -> None:
        """Nobody is given up who runs."""
        sandbox = self._around.engine.sandboxes.get(container_id)
        if sandbox is not None and sandbox.ended is None:
            raise LawBroken(f"{container_id} was given up and runs")

    def _told_to_stop(self, old: App | None, new: App | None, container_id: str) -> None:
        """Not before its requests are over or its time is, unless it is dead already or somebody wanted it at once."""
        container = next((c for c in old.containers if c.container_id == container_id), None) if old else None
        if container is None or container.state is not ContainerState.DRAINING:
            return
        if new is None or new.state in (AppState.STOPPING, AppState.STOPPED):
            return
        at_once = any(d.state is DeploymentState.ROLLING and d.strategy is Strategy.RECREATE for d in new.deployments)
        early = self._around.timeline.now_ms < container.deadline_ms
        if early and not at_once and self._around.router.in_flight(container_id) and self._trustworthy(container_id):
            raise LawBroken(f"{container_id} was told to stop with requests in flight before its grace was over")

    def _trustworthy(self, container_id: str) -> bool:
        """Late facts can be wrong about in-flight only while the router still sends requests there (it is behind)."""
        targets = [t for route in self._around.router.hosts for t in route.targets if t.container_id == container_id]
        return not targets or all(t.draining for t in targets)


def decided_at_once(world: World, now_ms: int) -> None:
    """A decision is complete when it is made: whoever looks at all Apps again at this moment changes nothing."""
    apps = {app_id: replace(app, wake_at_ms=now_ms) for app_id, app in world.apps.items()}
    again = reconcile.step(replace(world, apps=apps), (), now_ms)
    if again.actions or again.events:
        raise LawBroken(f"nothing happened, and it was decided anew: {again.actions or again.events}")
