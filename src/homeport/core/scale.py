"""How many containers a service needs, from what is known of its load. Pure arithmetic over values; time is passed in.

Up: as soon as the load asked for more without a pause for `scaleup_window`. Down: to the most that it asked for in the last
`scaledown_window`, and only if the load was watched all that time: a sample that was lost can keep a container, never cost
one. So a service that is used again within its window is never scaled down and up, whatever the load does in between.
"""

from __future__ import annotations

from dataclasses import replace

from .model import Load, LoadSeen, Peak, Service, ServiceSpec

# News of the load that is older says nothing about now.
FRESH_MS = 2_000
# Peaks of one window are kept in so many parts of it: bounded, and at most one part late.
PARTS = 32
# Of its start times, so many are remembered: enough for a 90th percentile, few enough to follow a new version.
STARTS_KEPT = 10


def wanted(spec: ServiceSpec | None, count: int) -> int:
    """Containers for a need of `count`: with its buffer while there is any, within minimum and maximum; 0 without a spec."""
    if spec is None:
        return 0
    many = max(count + spec.buffer_containers if count else 0, spec.min_containers)
    return min(many, spec.max_containers) if spec.max_containers else many


def least(spec: ServiceSpec) -> int:
    """What a version has to serve with before it goes live, whatever the load is: at least one (semantics 1.1.7)."""
    many = max(1, spec.min_containers)
    return min(many, spec.max_containers) if spec.max_containers else many


def need(spec: ServiceSpec, in_flight_centi: int) -> int:
    """Of an active service: one, or as many as keep each at its target or below."""
    target = spec.target_concurrency_centi
    return max(1, -(-in_flight_centi // target)) if target else 1


def loaded(service: Service, spec: ServiceSpec, load: Load, now_ms: int) -> Service:
    """With a sample: `load` has its numbers. Raises the count if that was needed for long enough."""
    many = need(spec, load.in_flight_centi)
    old = service.load
    new = replace(load, peaks=_with_peak(service, spec, many, now_ms))
    if many <= service.count:
        return replace(service, load=new)
    since_ms = old.rising_since_ms or now_ms
    lowest = min(many, old.rising_count) if old.rising_since_ms else many
    if now_ms - since_ms < spec.scaleup_window_s * 1000:
        return replace(service, load=replace(new, rising_since_ms=since_ms, rising_count=lowest))
    per = f"{spec.target_concurrency_centi / 100:g}" if spec.target_concurrency_centi else "any number"
    lasting = f" for {spec.scaleup_window_s} s" if spec.scaleup_window_s else ""
    why = f"{load.in_flight_centi / 100:g} requests were in flight{lasting}, and one container is for {per}"
    return replace(service, load=new, count=lowest, scaled_at_ms=now_ms, why=why)


def needed(service: Service, spec: ServiceSpec, now_ms: int, why: str) -> Service:
    """At least one, from now on for a `scaledown_window`: for a request that found none, or a version that went live."""
    load = replace(service.load, peaks=_with_peak(service, spec, 1, now_ms))
    if service.count:
        return service if load == service.load else replace(service, load=load)
    return replace(service, load=load, count=1, scaled_at_ms=now_ms, why=why)


def lowered(service: Service, spec: ServiceSpec, seen: LoadSeen, now_ms: int) -> Service:
    """Down to what the last window needed. Nothing changes while the load is not known."""
    if not service.count or not is_known(seen, now_ms):
        return service
    window_ms = spec.scaledown_window_s * 1000
    kept = tuple(peak for peak in _peaks(service, spec, now_ms) if max(peak.at_ms, seen.since_ms) + window_ms > now_ms)
    held = max((peak.count for peak in kept), default=0)
    if held >= service.count:
        forgotten = bool(service.load.peaks) and kept != service.load.peaks
        return replace(service, load=replace(service.load, peaks=kept)) if forgotten else service
    most = "none was needed" if held == 0 else f"no more than {held} {'was' if held == 1 else 'were'} needed"
    why = f"{most} for {spec.scaledown_window_s} s"
    return replace(service, load=replace(service.load, peaks=kept), count=held, scaled_at_ms=now_ms, why=why)


def lowers_at_ms(service: Service, spec: ServiceSpec, seen: LoadSeen, now_ms: int) -> int:
    """When the count falls if nothing else happens; 0 if it can't, or if nobody knows: then the next sample tells."""
    if not service.count or not is_known(seen, now_ms):
        return 0
    last_ms = max((peak.at_ms for peak in _peaks(service, spec, now_ms) if peak.count >= service.count), default=0)
    return max(last_ms, seen.since_ms) + spec.scaledown_window_s * 1000


def timed(service: Service, start_ms: int) -> Service:
    """One of its containers took so long from having room to being ready."""
    return replace(service, starts_ms=(*service.starts_ms, start_ms)[-STARTS_KEPT:])


def retry_after_s(service: Service) -> int:
    """When to ask again where no container was ready: nine of ten starts were over by then (semantics 2.2.3)."""
    if not service.starts_ms:
        return 1
    in_order = sorted(service.starts_ms)
    return max(1, -(-in_order[-(-len(in_order) * 9 // 10) - 1] // 1000))


def is_known(seen: LoadSeen, now_ms: int) -> bool:
    return bool(seen.until_ms) and seen.until_ms + FRESH_MS > now_ms


def _peaks(service: Service, spec: ServiceSpec, now_ms: int) -> tuple[Peak, ...]:
    """After a restart, what is there counts as needed when it was decided, and since the load is known again. A window that
    was made shorter counts from now, and not from the end of a part of the longer one.
    """
    there = service.load.peaks or (Peak(service.scaled_at_ms, service.count),)
    latest_ms = _end_of_part(spec, now_ms)
    return tuple(peak if peak.at_ms <= latest_ms else replace(peak, at_ms=latest_ms) for peak in there)


def _with_peak(service: Service, spec: ServiceSpec, count: int, now_ms: int) -> tuple[Peak, ...]:
    """Only what can still be the highest of a window is kept: later ones that are as high make earlier ones needless."""
    at_ms = _end_of_part(spec, now_ms)
    higher = tuple(peak for peak in _peaks(service, spec, now_ms) if peak.count > count)
    return higher if higher and higher[-1].at_ms >= at_ms else (*higher, Peak(at_ms, count))


def _end_of_part(spec: ServiceSpec, now_ms: int) -> int:
    part_ms = max(1, spec.scaledown_window_s * 1000 // PARTS)
    return (now_ms // part_ms + 1) * part_ms
