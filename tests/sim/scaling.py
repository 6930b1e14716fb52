"""Bugs of the autoscaler for `mutants`: its rules, each bent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from homeport.core import draft, observe, reconcile, scale
from homeport.core.states import DeploymentState

_whole_loaded: Callable[..., Any] = scale.loaded
_whole_observed: Callable[..., bool] = observe.loaded
_whole_lowered: Callable[..., Any] = scale.lowered
_whole_need: Callable[..., int] = scale.need
_whole_published: Callable[..., None] = observe.published
_whole_sampled: Callable[..., None] = reconcile._Work._sampled
_whole_wanted: Callable[..., int] = scale.wanted
_whole_with_peak: Callable[..., Any] = scale._with_peak


def wanted_without(setting: str) -> Callable[..., int]:
    def wanted(spec: Any, count: int) -> int:
        return _whole_wanted(replace(spec, **{setting: 0}) if spec else None, count)

    return wanted


def one_more(spec: Any, in_flight_centi: int) -> int:
    return _whole_need(spec, in_flight_centi) + (spec.target_concurrency_centi > 0)


def loaded_at_once(service: Any, spec: Any, load: Any, now_ms: int) -> Any:
    return _whole_loaded(service, replace(spec, scaleup_window_s=0), load, now_ms)


def lowered_at_once(service: Any, spec: Any, seen: Any, now_ms: int) -> Any:
    return _whole_lowered(service, replace(spec, scaledown_window_s=0), seen, now_ms)


def only_the_last_need(service: Any, spec: Any, count: int, now_ms: int) -> Any:
    return _whole_with_peak(replace(service, load=replace(service.load, peaks=())), spec, count, now_ms)[-1:]


def gaps_are_overlooked(self: Any, fact: Any) -> None:
    since_ms = self.world.load_seen.until_ms or fact.from_ms
    _whole_sampled(self, replace(fact, from_ms=min(since_ms, fact.from_ms)))


def ends_of_sessions_are_overlooked(work: draft.Draft, fact: Any) -> bool:
    _whole_observed(work, fact)
    return False


def same_containers(self: draft.Draft) -> bool:
    return self.containers == {c.container_id: c for c in self._was.containers} and self.app is self._was


def settings_are_kept(work: draft.Draft, fact: Any) -> None:
    live = work.in_state(DeploymentState.LIVE)
    _whole_published(work, fact)
    newest = work.deployments[work.app.version]
    if live is not None and newest.services == live.services:
        work.deployments[newest.version] = replace(newest, overrides=live.overrides)
