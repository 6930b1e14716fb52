"""From what the router tells to the loads of services, as averages over the time between two looks. Pure.

A look counts the requests in flight, which misses all that came and went since the one before; the request log has those,
but only when they are over. Together they give the average: the ended ones by the time that they had since the last look,
those that were there at both looks in full, and those that came since and go on by half.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..core.facts import LoadSampled, ServiceLoad
from ..core.model import Busy

Service = tuple[str, str]  # App and service


@dataclass(slots=True)
class _Ended:
    """Requests of one service that ended since the last look."""

    request_ms: int = 0  # the time that they had since then, together
    from_before: int = 0  # how many of them began before it


@dataclass(slots=True)
class Samples:
    """What was seen since the last look, at `since_ms`."""

    since_ms: int
    _ended: dict[Service, _Ended] = field(default_factory=dict)
    _in_flight: dict[Service, int] = field(default_factory=dict)  # at the last look

    @property
    def is_quiet(self) -> bool:
        """Nothing was in flight, and nothing has ended since."""
        return not self._in_flight and not self._ended

    def ended(self, service: Service, ended_ms: int, lasted_ms: int) -> None:
        """A request is over that a container carried."""
        entry = self._ended.setdefault(service, _Ended())
        entry.request_ms += max(1, min(lasted_ms, ended_ms - self.since_ms))
        entry.from_before += ended_ms - lasted_ms < self.since_ms <= ended_ms

    def look(self, in_flight: Mapping[str, int], services: Mapping[str, Service], now_ms: int) -> LoadSampled:
        """`in_flight` by container, and whose containers they are. Begins the next sample."""
        took_ms = max(1, now_ms - self.since_ms)
        busy: dict[Service, list[Busy]] = {}
        for container_id, count in sorted(in_flight.items()):
            if count and container_id in services:
                busy.setdefault(services[container_id], []).append(Busy(container_id, count))
        loads = tuple(self._load(s, busy.get(s, ()), took_ms) for s in sorted({*busy, *self._ended, *self._in_flight}))
        sample = LoadSampled(self.since_ms, now_ms, loads)
        self._in_flight = {service: sum(b.in_flight for b in there) for service, there in busy.items()}
        self._ended, self.since_ms = {}, now_ms
        return sample

    def lost(self, now_ms: int) -> None:
        """The look failed: nobody knows what happened until now."""
        self._ended, self._in_flight, self.since_ms = {}, {}, now_ms

    def _load(self, service: Service, busy: Iterable[Busy], took_ms: int) -> ServiceLoad:
        ended = self._ended.get(service, _Ended())
        there = tuple(busy)
        now = sum(b.in_flight for b in there)
        stayed = min(now, max(0, self._in_flight.get(service, 0) - ended.from_before))
        centi = ended.request_ms * 100 // took_ms + stayed * 100 + (now - stayed) * 50
        return ServiceLoad(*service, max(1, centi), there)
