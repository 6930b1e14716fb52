"""What people do with a Server in a day: so many requests in flight for so long. Chance decides, the same per seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from random import Random

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

Step = tuple[int, int]  # milliseconds, and hundredths of requests in flight during them
Pattern = Callable[[Random], Iterator[Step]]


def unused(_: Random) -> Iterator[Step]:
    while True:
        yield DAY_MS, 0


def now_and_then(random: Random) -> Iterator[Step]:
    """One person, for a moment."""
    while True:
        yield random.randint(5, 120) * MINUTE_MS, 0
        for _ in range(random.randint(1, 5)):
            yield random.randint(200, 2_000), 100
            yield random.randint(1, 20) * SECOND_MS, 0


def bursts(random: Random) -> Iterator[Step]:
    """Nothing, then very much at once."""
    while True:
        yield random.randint(10, 180) * MINUTE_MS, 0
        yield random.randint(5, 240) * SECOND_MS, random.randint(5, 60) * 100


def sawtooth(random: Random) -> Iterator[Step]:
    """Rises step by step and falls at once, again and again."""
    top, steps = random.randint(10, 40) * 100, random.randint(5, 20)
    rest_ms = random.choice((5, 30, 300)) * SECOND_MS
    while True:
        for step in range(1, steps + 1):
            yield random.randint(2, 20) * SECOND_MS, top * step // steps
        yield rest_ms, 0


def by_daylight(random: Random) -> Iterator[Step]:
    """Many by day and few by night, never the same for long."""
    top, noon_ms, at_ms = random.randint(10, 80) * 100, random.randint(10, 16) * HOUR_MS, 0
    while True:
        share = (1 + math.cos((at_ms - noon_ms) / DAY_MS * 2 * math.pi)) / 2
        lasts_ms = random.randint(2, 60) * SECOND_MS
        yield lasts_ms, int(top * share * random.uniform(0.6, 1.4))
        at_ms += lasts_ms


def nightly(random: Random) -> Iterator[Step]:
    """One job a day."""
    yield random.randint(0, 22 * HOUR_MS), 0
    while True:
        yield random.randint(2, 60) * MINUTE_MS, random.randint(1, 30) * 100
        yield 23 * HOUR_MS, 0


def streams(random: Random) -> Iterator[Step]:
    """WebSockets that stay for hours."""
    while True:
        yield random.randint(1, 120) * MINUTE_MS, random.randint(0, 3) * 100
        yield random.randint(1, 240) * MINUTE_MS, 0


# Of each hundred Servers.
MIX: tuple[tuple[Pattern, int], ...] = (
    (unused, 34),
    (now_and_then, 42),
    (bursts, 12),
    (nightly, 8),
    (by_daylight, 2),
    (sawtooth, 1),
    (streams, 1),
)


def pattern(number: int) -> Pattern:
    """The one of Server `number`, so that every hundred have the mix."""
    place = number % 100
    for found, share in MIX:
        if place < share:
            return found
        place -= share
    raise AssertionError(f"the shares of {MIX} are not a hundred")
