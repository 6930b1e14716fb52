"""How long to wait before a container that keeps failing is started again. Arithmetic, nothing else."""

from __future__ import annotations

FIRST_MS = 500
LIMIT_MS = 60_000
# A container that lived this long before it ended says nothing about the next one.
STABLE_MS = 10_000
# A rollout is given up after this many containers of it ended by themselves.
ROLLOUT_TRIES = 3


def delay_ms(failures: int) -> int:
    """The wait after the `failures`-th failure in a row: none after the first, then 1 s, doubling up to a minute."""
    if failures <= 1:
        return 0
    return min(LIMIT_MS, FIRST_MS << min(failures - 1, 16))
