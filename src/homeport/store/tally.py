"""Many requests as a few numbers: how many of each status, and how long they took. Pure; knows no table.

Durations are counted in buckets that grow by a tenth, so a percentile is at most a twentieth off, whatever is added up.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

GROWTH = math.log(1.1)


@dataclass(slots=True)
class Tally:
    """`by_status` has keys as `2xx`; `other` is a client that left before it was answered. Durations are milliseconds."""

    by_status: Counter[str] = field(default_factory=Counter)
    by_duration: Counter[int] = field(default_factory=Counter)
    bytes_up: int = 0
    bytes_down: int = 0

    @property
    def requests(self) -> int:
        return self.by_status.total()

    @property
    def failed(self) -> int:
        return self.by_status["5xx"]

    def add(self, status: int, duration_ms: int, bytes_up: int, bytes_down: int) -> None:
        self.by_status[status_class(status)] += 1
        self.by_duration[_bucket(duration_ms)] += 1
        self.bytes_up += bytes_up
        self.bytes_down += bytes_down

    def merge(self, other: Tally) -> None:
        self.by_status.update(other.by_status)
        self.by_duration.update(other.by_duration)
        self.bytes_up += other.bytes_up
        self.bytes_down += other.bytes_down

    def percentiles_ms(self, wanted: Sequence[int]) -> list[float | None]:
        """How long so many percent took at most; None where there was no request."""
        total = self.by_duration.total()
        if not total:
            return [None for _ in wanted]
        return [self._at_rank(max(1, math.ceil(total * percent / 100))) for percent in wanted]

    def encode(self) -> str:
        return json.dumps([self.by_status, self.by_duration, self.bytes_up, self.bytes_down], separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Tally:
        by_status, by_duration, bytes_up, bytes_down = json.loads(text)
        return cls(Counter(by_status), Counter({int(k): n for k, n in by_duration.items()}), bytes_up, bytes_down)

    def _at_rank(self, rank: int) -> float:
        seen = 0
        for bucket in sorted(self.by_duration):
            seen += self.by_duration[bucket]
            if seen >= rank:
                return round(_middle_ms(bucket), 1)
        raise AssertionError("a rank is at most the number of requests")


def status_class(status: int) -> str:
    return f"{status // 100}xx" if 100 <= status < 600 else "other"


def _bucket(duration_ms: int) -> int:
    return int(math.log(duration_ms) / GROWTH) + 1 if duration_ms > 0 else 0


def _middle_ms(bucket: int) -> float:
    return math.exp((bucket - 0.5) * GROWTH) if bucket else 0.0
