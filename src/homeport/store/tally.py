"""Many requests as a few numbers: how many of each status, and how long they took. Pure; knows no table.

Durations are counted in buckets that grow by a tenth, so a percentile is at most a twentieth off, whatever is added up.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
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
        self.by_duration[bucket(duration_ms)] += 1
        self.bytes_up += bytes_up
        self.bytes_down += bytes_down

    def merge(self, other: Tally) -> None:
        self.by_status.update(other.by_status)
        self.by_duration.update(other.by_duration)
        self.bytes_up += other.bytes_up
        self.bytes_down += other.bytes_down

    def percentiles_ms(self, wanted: Sequence[int]) -> list[float | None]:
        """How long so many percent took at most; None where there was no request."""
        return [at_percent(self.by_duration, percent) for percent in wanted]

    def encode(self) -> str:
        return json.dumps([self.by_status, self.by_duration, self.bytes_up, self.bytes_down], separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Tally:
        by_status, by_duration, bytes_up, bytes_down = json.loads(text)
        return cls(Counter(by_status), Counter({int(k): n for k, n in by_duration.items()}), bytes_up, bytes_down)


def status_class(status: int) -> str:
    return f"{status // 100}xx" if 100 <= status < 600 else "other"


def bucket(value: int) -> int:
    """The bucket of a whole number; what is 0 or less has one of its own."""
    return int(math.log(value) / GROWTH) + 1 if value > 0 else 0


def at_percent(counts: Mapping[int, int], percent: int) -> float | None:
    """What so many percent of the values are at most, by the middle of its bucket; None where there is none."""
    total = sum(counts.values())
    rank = max(1, math.ceil(total * percent / 100))
    seen = 0
    for found in sorted(counts):
        seen += counts[found]
        if seen >= rank:
            return round(_middle(found), 1)
    return None


def _middle(found: int) -> float:
    return math.exp((found - 0.5) * GROWTH) if found else 0.0
