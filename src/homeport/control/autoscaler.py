"""What people ask of one Server's autoscaler: its settings and where they come from, and changes until the next deployment.

Owns the public names of the settings and what is refused; what follows from them is the core's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from ..core.facts import AutoscalerUpdated
from ..core.model import App, Deployment, Override, ServiceSpec
from ..core.overrides import effective
from ..core.states import DeploymentState
from ..errors import InvalidError, NotFoundError
from ..manifest.checks import scale_problems
from ..manifest.schema import ScalePolicy
from ..store.history import AppRow
from . import views
from .access import SERVICE, USER
from .chronicle import Input, Origin
from .explain import Case, explain
from .members import Members
from .publish import Publisher
from .views import Json

# By their public names: what the core calls them, and how many of its units make one of the public.
SETTINGS: Mapping[str, tuple[str, int]] = {
    "min_containers": ("min_containers", 1),
    "max_containers": ("max_containers", 1),
    "buffer_containers": ("buffer_containers", 1),
    "scaleup_window": ("scaleup_window_s", 1),
    "scaledown_window": ("scaledown_window_s", 1),
    "target_concurrency": ("target_concurrency_centi", 100),
}
ACTOR_TYPES = {USER: "user", SERVICE: "service-user"}  # semantics 2.6.11
Target = tuple[str, str, str]  # the App's name or id, the Server's name, the environment
_COUNTED = ("min_containers", "buffer_containers")  # of these, none is 0; of the others, none is null


@dataclass(frozen=True, slots=True)
class Subject:
    """One Server as it is now."""

    app: App
    deployment: Deployment  # the live one, else the newest
    spec: ServiceSpec  # as it was published


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """`find` looks an App up by name or id, and raises NotFoundError."""

    publisher: Publisher
    members: Members
    find: Callable[[str, str], AppRow]

    def settings(self, target: Target) -> Json:
        """In effect, by default, from the code, and overridden, with who did that and when (semantics 2.4.7)."""
        subject, server = self._subject(target), target[1]
        app, deployment = subject.app, subject.deployment
        mine = [o for o in deployment.overrides if o.service == server]
        return {
            "app_id": app.app_id,
            "server_name": server,
            "object_id": next(s.service_id for s in app.services if s.name == server),
            "current_settings": _public(effective(deployment, subject.spec)),
            "default_settings": _public(self._defaults(subject.spec)),
            "static_settings": self._static(deployment, server),
            "override_settings": overridden(deployment, server),
            "override_events": [self._event(o) for o in sorted(mine, key=lambda o: (o.at_ms, o.setting))],
        }

    def update(self, target: Target, changes: Mapping[str, object], actor: str) -> Json:
        """Changes the settings of `target` that `changes` names; null takes one away.

        Raises InvalidError for what is not legal, or would not go together with the settings that stay as they are.
        """
        subject = self._subject(target)
        new = {_setting(name)[0]: self._stored(subject.spec, name, value) for name, value in changes.items()}
        for deployment in subject.app.deployments:
            current = deployment.state in (DeploymentState.LIVE, DeploymentState.ROLLING)
            for spec in deployment.services if current else ():
                if spec.name == target[1]:
                    _refuse(replace(effective(deployment, spec), **cast("dict[str, Any]", new)))
        if new:
            fact = AutoscalerUpdated(subject.app.app_id, target[1], tuple(sorted(new.items())), actor)
            self.publisher.loop.accept([Input(fact, Origin(actor=actor))])
        return self.settings((subject.app.app_id, target[1], target[2]))

    def explain(self, target: Target) -> Json:
        """Why `target` has the containers that it has, in numbers and in words. Raises NotFoundError."""
        subject, loop = self._subject(target), self.publisher.loop
        case = Case(subject.app, subject.deployment, subject.spec, loop.world.load_seen, loop.now_ms)
        return explain(case)

    def _subject(self, target: Target) -> Subject:
        app_ref, server, environment = target
        row = self.find(app_ref, environment)
        app = self.publisher.loop.world.apps.get(row.app_id)
        states = (DeploymentState.LIVE, DeploymentState.ROLLING)
        current = {d.state: d for d in app.deployments if d.state in states} if app else {}
        for deployment in (current[state] for state in states if state in current):
            for spec in deployment.services:
                if app is not None and spec.name == server:
                    return Subject(app, deployment, spec)
        if not current:
            raise NotFoundError(
                f"App {row.name!r} is not deployed; deploy it first. `homeport app history {row.name}` tells how it ended."
            )
        there = ", ".join(spec.name for spec in next(iter(current.values())).services) or "none"
        raise NotFoundError(f"App {row.name!r} has no Server {server!r}; its Servers: {there}.")

    def _event(self, override: Override) -> Json:
        actor_id, kind = self.members.known_as(override.actor) or ("", "")
        return {
            "setting": _name(override.setting),
            "updated_at": views.iso(override.at_ms),
            "actor_name": override.actor,
            "actor_id": actor_id,
            "actor_type": ACTOR_TYPES.get(kind, "unknown"),
        }

    def _defaults(self, spec: ServiceSpec) -> ServiceSpec:
        """Sessions are always a reason for another container: where one has no room, the next has to come."""
        seconds, centi = self.publisher.settings.scaledown_window_s, spec.sessions_max * 100
        return ServiceSpec("", "", scaledown_window_s=seconds, target_concurrency_centi=centi)

    def _static(self, deployment: Deployment, server: str) -> Json:
        """What the code says; a setting that it does not mention is not there."""
        manifest = self.publisher.manifests.get(deployment.manifest_digest)
        policy = next(s.scale for s in manifest.servers if s.name == server)
        said = {name: getattr(policy, core) for name, (core, _) in SETTINGS.items()}
        return {name: _value(name, value) for name, value in said.items() if value is not None}

    def _stored(self, spec: ServiceSpec, name: str, value: object) -> int:
        """In the core's units. A target between 0 and 1 is 1, and one of 0 is none (semantics 2.1.5)."""
        core, factor = _setting(name)
        if value is None or (name == "target_concurrency" and not isinstance(value, bool) and value == 0):
            return int(getattr(self._defaults(spec), core))
        number = not isinstance(value, bool) and isinstance(value, int if factor == 1 else (int, float))
        if not number or not 0 <= cast(float, value) <= 1e9:
            raise InvalidError(
                f"`{name}` must be a {'whole ' if factor == 1 else ''}number that is not negative, not {value!r}."
            )
        if value == 0 and name in ("max_containers", "scaleup_window", "scaledown_window"):
            raise InvalidError(_ZERO[name])
        stored = round(cast(float, value) * factor)
        return max(stored, factor) if value and factor > 1 else stored


_ZERO = {
    "max_containers": "`max_containers` must be at least 1, or None for no limit.",
    "scaleup_window": "`scaleup_window` must be > 0.",
    "scaledown_window": "`scaledown_window` must be between 2 and 3600 (inclusive).",
}


def _setting(name: str) -> tuple[str, int]:
    if name not in SETTINGS:
        raise InvalidError(f"There is no autoscaler setting {name!r}; there are {', '.join(SETTINGS)}.")
    return SETTINGS[name]


def _refuse(spec: ServiceSpec) -> None:
    policy = ScalePolicy(
        target_concurrency_centi=spec.target_concurrency_centi or None,
        max_concurrency=spec.max_concurrency or spec.sessions_max or None,
        min_containers=spec.min_containers,
        max_containers=spec.max_containers or None,
        buffer_containers=spec.buffer_containers,
        scaleup_window_s=spec.scaleup_window_s or None,
        scaledown_window_s=spec.scaledown_window_s,
    )
    for problem in scale_problems(policy):
        raise InvalidError(problem)


def overridden(deployment: Deployment, server: str) -> Json:
    """What somebody changed of a Server since `deployment`, by public name."""
    mine = [o for o in deployment.overrides if o.service == server]
    return {_name(o.setting): _value(_name(o.setting), o.value) for o in mine}


def _public(spec: ServiceSpec) -> Json:
    return {name: _value(name, getattr(spec, core)) for name, (core, _) in SETTINGS.items()}


def _value(name: str, stored: int) -> object:
    """As people write it; None is none."""
    if not stored and name not in _COUNTED:
        return None
    factor = SETTINGS[name][1]
    return stored if factor == 1 else stored / factor


def _name(core: str) -> str:
    return next(name for name, (there, _) in SETTINGS.items() if there == core)
