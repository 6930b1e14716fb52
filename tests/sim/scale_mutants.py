"""Bugs of the autoscaler and of its settings, to be caught as those in `mutants.py` are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from homeport.control import kernel
from homeport.core import draft, observe, reconcile, rollout, scale
from homeport.core.states import DeploymentState

from .mutants import Mutant


def _wanted_without(setting: str) -> Callable[..., int]:
    def wanted(spec: Any, count: int) -> int:
        return _whole_wanted(replace(spec, **{setting: 0}) if spec else None, count)

    return wanted


def _loaded_at_once(service: Any, spec: Any, load: Any, now_ms: int) -> Any:
    return _whole_loaded(service, replace(spec, scaleup_window_s=0), load, now_ms)


def _one_more(spec: Any, in_flight_centi: int) -> int:
    return _whole_need(spec, in_flight_centi) + (spec.target_concurrency_centi > 0)


def _lowered_at_once(service: Any, spec: Any, seen: Any, now_ms: int) -> Any:
    return _whole_lowered(service, replace(spec, scaledown_window_s=0), seen, now_ms)


def _only_the_last_need(service: Any, spec: Any, count: int, now_ms: int) -> Any:
    return _whole_with_peak(replace(service, load=replace(service.load, peaks=())), spec, count, now_ms)[-1:]


def _gaps_are_overlooked(self: Any, fact: Any) -> None:
    since_ms = self.world.load_seen.until_ms or fact.from_ms
    _whole_sampled(self, replace(fact, from_ms=min(since_ms, fact.from_ms)))


def _same_containers(self: draft.Draft) -> bool:
    return self.containers == {c.container_id: c for c in self._was.containers} and self.app is self._was


def _settings_are_kept(work: draft.Draft, fact: Any) -> None:
    live = work.in_state(DeploymentState.LIVE)
    _whole_published(work, fact)
    newest = work.deployments[work.app.version]
    if live is not None and newest.services == live.services:
        work.deployments[newest.version] = replace(newest, overrides=live.overrides)


def _nothing(*_: object, **__: object) -> None:
    return None


_whole_wanted: Callable[..., int] = scale.wanted
_whole_need: Callable[..., int] = scale.need
_whole_loaded: Callable[..., Any] = scale.loaded
_whole_lowered: Callable[..., Any] = scale.lowered
_whole_with_peak: Callable[..., Any] = scale._with_peak
_whole_sampled: Callable[..., None] = reconcile._Work._sampled
_whole_published: Callable[..., None] = observe.published

SCALE_MUTANTS = (
    Mutant("min_containers is overlooked", rollout, "wanted", _wanted_without("min_containers")),
    Mutant("max_containers is overlooked", rollout, "wanted", _wanted_without("max_containers")),
    Mutant("buffer_containers is overlooked", rollout, "wanted", _wanted_without("buffer_containers")),
    Mutant("what went live is not used yet", rollout, "needed", lambda service, *_: service),
    Mutant("no load needs more than one", scale, "need", lambda *_: 1),
    Mutant("a load needs one more than it needs", scale, "need", _one_more),
    Mutant("a load need not last", scale, "loaded", _loaded_at_once),
    Mutant("an idle Server keeps what it has", rollout, "lowered", lambda service, *_: service),
    Mutant("an idle Server loses what it has at once", rollout, "lowered", _lowered_at_once),
    Mutant("of a window the last need counts, not the highest", scale, "_with_peak", _only_the_last_need),
    Mutant("nobody asks whether the load is known", scale, "is_known", lambda *_: True),
    Mutant("a gap in the samples is overlooked", reconcile._Work, "_sampled", _gaps_are_overlooked),
    Mutant("after a restart nothing counts as needed", scale, "_peaks", lambda service: service.load.peaks),
    Mutant("a request on an empty pool starts nothing", observe, "demanded", _nothing),
    Mutant("samples are overlooked", observe, "loaded", _nothing),
    Mutant("what a sample asks for is left to the next look", draft.Draft, "is_calm", lambda self: _same_containers(self)),
    Mutant("settings that were changed hold for the next version", observe, "published", _settings_are_kept),
    Mutant("settings that are changed take others back", observe, "added", lambda _, new: tuple(new)),
    Mutant("a count that a load asked for is not written down", kernel, "_is_sampled", lambda _, old: old is not None),
)
