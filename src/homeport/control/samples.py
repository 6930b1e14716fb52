"""From what the router tells to the loads of services, as averages over the time between two looks. Pure.

A look counts the requests in flight, which misses all that came and went since the one before; the request log has those.
Together they give the average: the ones in between by their time, and by half each that was there at one of the two looks,
so that one that was there at both counts in full, and people who ask again at once are not counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..core.facts import LoadSampled, ServiceLoad
from ..core.model import Busy

Service = tuple[str, str]  # App and service


@dataclass(slots=True)
class Samples:
    """What was seen since the last look, at `since_ms`."""

    since_ms: int
    _before_ms: int = 0  # the look before that
    _ended: dict[Service, int] = field(default_factory=dict)  # milliseconds of requests that no look has seen
    _in_flight: dict[Service, int] = field(default_factory=dict)  # at the last look

    @property
    def is_quiet(self) -> bool:
        """Nothing was in flight, and nothing has ended since."""
        return not self._in_flight and not self._ended

    def ended(self, service: Service, ended_ms: int, lasted_ms: int) -> None:
        """A request is over that a container carried. The log may tell of it a little after the look that it missed."""
        begun_ms = ended_ms - lasted_ms
        unseen = begun_ms >= self.since_ms or (ended_ms < self.since_ms and begun_ms >= self._before_ms)
        self._ended[service] = self._ended.get(service, 0) + (max(1, lasted_ms) if unseen else 0)

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
        self._ended, self._before_ms, self.since_ms = {}, self.since_ms, now_ms
        return sample

    def lost(self, now_ms: int) -> None:
        """The look failed: nobody knows what happened until now."""
        self._ended, self._in_flight, self._before_ms, self.since_ms = {}, {}, now_ms, now_ms

    def _load(self, service: Service, busy: Iterable[Busy], took_ms: int) -> ServiceLoad:
        there = tuple(busy)
        at_looks = self._in_flight.get(service, 0) + sum(b.in_flight for b in there)
        centi = self._ended.get(service, 0) * 100 // took_ms + at_looks * 50
        return ServiceLoad(*service, max(1, centi), there)
