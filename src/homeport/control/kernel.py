"""The synchronous single writer: facts in, journal written, actions out. The daemon and the simulator drive the same one.

Owns the order that makes a kill at any instant harmless: decide, make durable, and only then let anybody act or answer.
Knows no I/O but the journal's, and awaits nothing, so no scheduling order can change a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from operator import attrgetter

from ..core import reconcile
from ..core.actions import Action
from ..core.facts import DURABLE
from ..core.model import App, Load, Service, World
from ..core.reconcile import Step
from ..core.states import AppState
from ..ports import Journal, Record
from .chronicle import Input, chronicle

NO_LOAD = Load()
_of_app = attrgetter(*(f.name for f in fields(App) if f.name not in ("services", "wake_at_ms")))
_of_service = attrgetter(*(f.name for f in fields(Service) if f.name != "load"))


class Kernel:
    """Holds the World. One at a time per journal (the data directory's lock sees to that)."""

    def __init__(self, journal: Journal, tag: str) -> None:
        """Loads what the journal knows. `tag` is used for the ids of a new platform only. Raises OSError."""
        apps, known = journal.load()
        self._journal = journal
        tag, next_app = known or (tag, 1)
        self.world = World(tag=tag, apps={app.app_id: app for app in apps}, next_app=next_app)

    def resume(self) -> tuple[Action, ...]:
        """What has to be said again after a restart. Every action is idempotent."""
        return reconcile.resume(self.world)

    def accept(self, inputs: Sequence[Input], now_ms: int) -> Step:
        """Folds the facts in and decides. When it returns, what it decided is durable.

        Raises OSError when the journal cannot be written: then nothing has changed, and the caller may try again.
        """
        step = reconcile.step(self.world, [given.fact for given in inputs], now_ms)
        changed = _changed(self.world, step.world)
        kept = [given for given in inputs if isinstance(given.fact, DURABLE)]
        lines = chronicle(kept, step.events, now_ms)
        if changed or lines:
            self._journal.append(now_ms, lines, changed, (step.world.tag, step.world.next_app))
        self.world = step.world
        return step

    def note(self, lines: Sequence[Record], now_ms: int) -> None:
        """Writes down what people decided and the core has no part in. Raises OSError: then nothing was written."""
        self._journal.append(now_ms, lines, [], (self.world.tag, self.world.next_app))


def _changed(before: World, after: World) -> list[App]:
    """Apps whose lasting part differs, and those that were dropped (they are written as such)."""
    touched = [(app, before.apps.get(app.app_id)) for app in after.apps.values()]
    changed = [app for app, old in touched if app is not old and not _is_sampled(app, old) and lasting(app) != lasting(old)]
    gone = [app for app in before.apps.values() if app.app_id not in after.apps]
    dropped = [replace(app, state=AppState.STOPPED, deployments=(), containers=()) for app in gone]
    return [*dropped, *map(_without_load, changed)]


def _is_sampled(app: App, old: App | None) -> bool:
    """Whether it is the same but for the load of its services, as after most steps; told at little cost."""
    if old is None or app.containers is not old.containers or app.deployments is not old.deployments:
        return False
    if len(app.services) != len(old.services) or _of_app(app) != _of_app(old):
        return False
    return all(a is b or _of_service(a) == _of_service(b) for a, b in zip(app.services, old.services, strict=True))


def lasting(app: App | None) -> App | None:
    """Without what samples say: that comes again by itself."""
    if app is None:
        return None
    app = replace(_without_load(app), wake_at_ms=0)
    if not any(container.failures for container in app.containers):
        return app
    return replace(app, containers=tuple(replace(c, failures=0, sick_since_ms=0) for c in app.containers))


def _without_load(app: App) -> App:
    if all(service.load == NO_LOAD for service in app.services):
        return app
    return replace(app, services=tuple(replace(service, load=NO_LOAD) for service in app.services))
