"""Why a Server has the containers that it has, in words: what was seen, which rule decided, and what changes it when. Pure.

Says only what the core decided from; it decides nothing again but what an idle minute would bring.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..core import scale
from ..core.model import App, Container, Deployment, LoadSeen, Service, ServiceSpec
from ..core.overrides import effective
from ..core.states import ContainerState, DeploymentState
from .views import Json, iso

_STATES = (ContainerState.READY, ContainerState.STARTING, ContainerState.PENDING, ContainerState.DRAINING)
_ACTIVE = _STATES[:3]
_WORDS = {ContainerState.PENDING: "waiting"}
# By the core's name: what people call it, and how many of its units make one of theirs.
_NOTHING = {"min_containers": "0", "buffer_containers": "0"}  # what nothing of it is called
_PUBLIC = {"target_concurrency_centi": ("target_concurrency", 100), "scaleup_window_s": ("scaleup_window", 1)}


@dataclass(frozen=True, slots=True)
class Case:
    """One Server at one moment. `deployment` is the one that decides: the live one, else the one that rolls out."""

    app: App
    deployment: Deployment
    spec: ServiceSpec  # as it was published
    seen: LoadSeen
    now_ms: int

    @property
    def service(self) -> Service:
        return next(s for s in self.app.services if s.name == self.spec.name)

    @property
    def settings(self) -> ServiceSpec:
        return effective(self.deployment, self.spec)

    @property
    def wanted(self) -> int:
        """As the load has it; while a version rolls out there may be more."""
        return scale.wanted(self.settings, self.service.count)

    def containers(self, *states: ContainerState) -> list[Container]:
        return [c for c in self.app.containers if c.service_id == self.service.service_id and c.state in states]


def explain(case: Case) -> Json:
    """The numbers, and `lines` of one sentence each: what there is, why, and what would change it."""
    service = case.service
    known = scale.is_known(case.seen, case.now_ms)
    later = _idle(case)
    return {
        "app_id": case.app.app_id,
        "server_name": service.name,
        "object_id": service.service_id,
        "wanted": case.wanted,
        "containers": {_word(state): len(case.containers(state)) for state in _STATES},
        "needed": service.count,
        "rule": _rule(case),
        "since": iso(service.scaled_at_ms),
        "in_flight": _in_flight(case) if known else None,
        "retry_after_s": scale.retry_after_s(service),
        "when_idle": {"at": iso(later[0]), "wanted": later[1]} if later else None,
        "lines": [*_there(case), *_why(case), *_bounds(case), *_hindered(case), *_next(case)],
    }


def _there(case: Case) -> Iterator[str]:
    counted = [(len(case.containers(state)), _word(state)) for state in _STATES]
    said = ", ".join(f"{count} {word}" for count, word in counted if count)
    active = len(case.containers(*_ACTIVE))
    yield f"{case.spec.name} has {_containers(active)}{f': {said}' if said else ''}; it should have {case.wanted}."


def _why(case: Case) -> Iterator[str]:
    """What the load asks for, by the rule that decided last."""
    service, settings = case.service, case.settings
    decided = f", decided {_ago(case.now_ms - service.scaled_at_ms)}" if service.scaled_at_ms and service.why else ""
    reason = f": {service.why}" if service.why else ""
    yield f"Its load needs {service.count or 'none'}{decided}{reason}."
    if not scale.is_known(case.seen, case.now_ms):
        yield "Its load is not known at the moment; until it is, nothing is taken away."
        return
    per = settings.target_concurrency_centi
    target = f"one container is for {per / 100:g}" if per else "no target_concurrency is set, so one serves them all"
    yield f"In flight now: {_in_flight(case):g} on average; {target}."


def _bounds(case: Case) -> Iterator[str]:
    """Settings that make it another number than what the load needs, and who changed settings."""
    settings, count = case.settings, case.service.count
    buffered = count + settings.buffer_containers if count else 0
    if count and settings.buffer_containers:
        yield f"buffer_containers adds {settings.buffer_containers} while it is in use."
    if settings.min_containers > buffered:
        yield f"min_containers keeps {settings.min_containers}, whatever the load is."
    if settings.max_containers and max(buffered, settings.min_containers) > settings.max_containers:
        yield f"max_containers allows no more than {settings.max_containers}."
    for override in case.deployment.overrides:
        if override.service == case.spec.name:
            name, factor = _PUBLIC.get(override.setting, (override.setting.removesuffix("_s"), 1))
            unit = " s" if override.setting.endswith("_s") else ""
            value = f"{override.value / factor:g}{unit}" if override.value else _NOTHING.get(name, "none")
            ago = _ago(case.now_ms - override.at_ms)
            yield f"{name} was set to {value} by {override.actor or 'somebody'} {ago}, until the next deployment."


def _hindered(case: Case) -> Iterator[str]:
    """Why there are not as many as there should be, or more."""
    service = case.service
    for deployment in case.app.deployments:
        if deployment.state is DeploymentState.ROLLING and deployment.version != case.deployment.version:
            new = [c for c in case.containers(ContainerState.READY) if c.version == deployment.version]
            serves = f"{_containers(len(new))} of it serve{'s' if len(new) == 1 else ''} already"
            until = f"what v{case.deployment.version} has serves until it is ready"
            yield f"v{deployment.version} rolls out; {serves if new else until}."
    if service.retry_at_ms > case.now_ms and service.failures:
        seconds = _seconds(service.retry_at_ms - case.now_ms)
        yield f"{_containers(service.failures)} in a row failed; the next one may start in {seconds}."
    if silent := sum(c.failures > 0 for c in case.containers(ContainerState.READY)):
        does, its, it_is = ("does", "its", "it is") if silent == 1 else ("do", "their", "they are")
        yield f"{_containers(silent)} {does} not answer at {its} port; if that goes on, {it_is} replaced."
    more = len(case.containers(ContainerState.READY)) - case.wanted
    known = scale.is_known(case.seen, case.now_ms)
    if known and case.settings.sessions_max and more > 0 and len(case.app.deployments) == 1:
        yield f"{_containers(more)} more {'stays' if more == 1 else 'stay'} until the sessions there have ended."
    for reason, count in sorted(Counter(c.reason for c in case.containers(ContainerState.PENDING)).items()):
        if reason:
            yield f"{count} {reason}."


def _next(case: Case) -> Iterator[str]:
    """What would change it, and when."""
    service, settings, now_ms = case.service, case.settings, case.now_ms
    if service.load.rising_since_ms:
        rest_ms = service.load.rising_since_ms + settings.scaleup_window_s * 1000 - now_ms
        more, window = scale.wanted(settings, service.load.rising_count), f"scaleup_window {settings.scaleup_window_s} s"
        yield f"If its load stays as it is, it gets {more} in {_seconds(rest_ms)} ({window})."
    elif settings.max_containers and case.wanted >= settings.max_containers:
        if _rule(case) != "max_containers":  # or it was said already
            yield f"It can't grow: max_containers is {settings.max_containers}."
    elif settings.target_concurrency_centi and case.wanted:
        limit = _outgrown_at(case) * settings.target_concurrency_centi / 100
        lasting = f" for {settings.scaleup_window_s} s" if settings.scaleup_window_s else ""
        yield f"It grows when more than {limit:g} requests are in flight{lasting}."
    if not case.wanted:
        seconds = scale.retry_after_s(service)
        yield f"The next request that finds no container starts one; nine of ten starts take {seconds} s or less."
    elif later := _idle(case):
        at_ms, count = later
        window = f"scaledown_window {settings.scaledown_window_s} s"
        yield f"If nothing is in flight from now on, it goes down to {count} in {_seconds(at_ms - now_ms)} ({window})."


def _outgrown_at(case: Case) -> int:
    """The largest need that its containers are still enough for: more than the present one under a minimum."""
    settings = case.settings
    return max(case.service.count, settings.min_containers - settings.buffer_containers)


def _idle(case: Case) -> tuple[int, int] | None:
    """When it would have fewer, and how many, without any more requests; None: never, or nobody knows."""
    service, settings = case.service, case.settings
    at_ms = scale.lowers_at_ms(service, settings, case.seen, case.now_ms)
    if not at_ms:
        return None
    then = scale.lowered(service, settings, LoadSeen(case.seen.since_ms, at_ms), at_ms)
    count = scale.wanted(settings, then.count)
    return (max(at_ms, case.now_ms), count) if count < case.wanted else None


def _rule(case: Case) -> str:
    """Which setting, or the load itself, has the last word."""
    settings, count = case.settings, case.service.count
    buffered = count + settings.buffer_containers if count else 0
    if settings.max_containers and max(buffered, settings.min_containers) > settings.max_containers:
        return "max_containers"
    if settings.min_containers > buffered:
        return "min_containers"
    if count and settings.buffer_containers:
        return "buffer_containers"
    return "load" if count else "idle"


def _in_flight(case: Case) -> float:
    """On average in the newest sample; a service that is in none had no request."""
    load = case.service.load
    return load.in_flight_centi / 100 if load.seen_at_ms and load.seen_at_ms >= case.seen.until_ms else 0


def _word(state: ContainerState) -> str:
    return _WORDS.get(state, state.value)


def _containers(count: int) -> str:
    return "no container" if count == 0 else f"{count} container{'s' if count > 1 else ''}"


def _ago(ms: int) -> str:
    return f"{_seconds(ms)} ago"


def _seconds(ms: int) -> str:
    """To the second below a minute, to the minute below an hour."""
    seconds = max(0, round(ms / 1000))
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{round(minutes / 60)} h"
