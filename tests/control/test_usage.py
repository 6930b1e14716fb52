"""From the kernel's counters to what Servers used, to series of points."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from homeport.control import series
from homeport.control.usage import Counters, Sampler, differences, services_of
from homeport.core.model import App, Container, Service, World
from homeport.core.states import AppState, ContainerState
from homeport.errors import InvalidError
from homeport.store.requests import Minute
from homeport.store.samples import Reading, Sample, SampleStore, Usage
from homeport.store.tally import Tally

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def container(container_id: str, state: ContainerState = ContainerState.READY, address: str = "10.0.0.2:8000") -> Container:
    return Container(container_id, "fu-1", 1, state, 0, 0, address)


def world(*containers: Container) -> World:
    app = App("ap-1", "main", "shop", AppState.DEPLOYED, 0, 1, (Service("fu-1", "web"),), (), containers)
    return World("tag", {"ap-1": app})


class Clock:
    def __init__(self) -> None:
        self.ms = 60_000_000

    def now_ms(self) -> int:
        return self.ms


class Spawner:
    """Every container has used 10 ms of CPU for each second that there was."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[list[str]] = []

    async def request(self, op: str, fds: Sequence[int] = (), **fields: Any) -> dict[str, Any]:
        assert op == "usages"
        self.asked.append(fields["ids"])
        one = {"cpu_ns": self.clock.ms * 10_000, "memory_bytes": 64 << 20, "received_bytes": self.clock.ms, "sent_bytes": 5}
        return {"usages": dict.fromkeys(fields["ids"], one)}


def test_a_round_asks_for_a_few_at_once_and_the_second_one_knows_a_difference(tmp_path: Path) -> None:
    clock = Clock()
    spawner, store = Spawner(clock), SampleStore(tmp_path / "samples.db")
    many = world(*(container(f"ta-{number:03}") for number in range(120)))
    sampler = Sampler(spawner, store, lambda: many, clock)

    async def play() -> None:
        await sampler.once()
        assert store.between("fu-1", 0, clock.ms + 1) == []
        clock.ms += 10_000
        await sampler.once()

    asyncio.run(play())
    assert [len(ids) for ids in spawner.asked] == [25, 25, 25, 25, 20] * 2
    (sample,) = store.between("fu-1", 0, clock.ms + 1)
    assert sample.usage.container_ms == 120 * 10_000
    assert sample.usage.cpu_ms == 120 * 100
    assert sample.usage.memory_mib_max == 64
    assert sample.usage.received_bytes == 120 * 10_000
    assert sample.usage.sent_bytes == 0
    store.close()


def test_only_what_was_there_before_has_used_something() -> None:
    was = {"ta-1": Counters(0, 5_000_000, 1 << 20), "ta-2": Counters(0, 9_000_000, 1 << 20)}
    now = {
        "ta-1": Counters(1_000, 8_000_000, 1 << 20),
        "ta-2": Counters(1_000, 1_000_000, 1 << 20),
        "ta-3": Counters(1_000, 7, 7),
    }
    used = differences(was, now, dict.fromkeys(now, "fu-1"))
    assert used["fu-1"].container_ms == 2_000
    assert used["fu-1"].cpu_ms == 3  # a counter that began anew counts for nothing
    late = {"ta-1": Counters(1_000_000, 8_000_000, 1 << 20)}
    assert differences(was, late, {"ta-1": "fu-1"}) == {}


def test_containers_that_wait_are_not_asked_for() -> None:
    there = world(
        container("ta-1"), container("ta-2", ContainerState.PENDING, ""), container("ta-3", ContainerState.DRAINING)
    )
    assert services_of(there) == {"ta-1": "fu-1", "ta-3": "fu-1"}


def test_buckets_are_aligned_and_null_where_nothing_was_measured() -> None:
    usage = Usage()
    usage.add(Reading(60_000, 30_000, 100))
    tally = Tally()
    tally.add(200, 10, 1, 1)
    tally.add(503, 0, 1, 1)
    since_ms, until_ms = 10 * HOUR_MS, 10 * HOUR_MS + 150_000
    samples, minutes = [Sample(since_ms, usage)], [Minute(since_ms + MINUTE_MS, "ta-1", tally)]
    found = series.buckets(since_ms, until_ms, MINUTE_MS, minutes, samples)
    cpu = series.export("cpu", found)[0]
    assert cpu["points"] == [
        ["1970-01-01T10:00:00.000Z", 0.5],
        ["1970-01-01T10:01:00.000Z", None],
        ["1970-01-01T10:02:00.000Z", None],
    ]
    requests = {str(one["name"]): [value for _, value in one["points"]] for one in series.export("requests", found)}  # type: ignore[attr-defined]  # a list of pairs
    assert requests["requests"] == [0, 2, 0]
    assert requests["requests_per_second"] == [0, round(2 / 60, 4), 0]
    assert requests["status_5xx"] == [0, 1, 0]
    assert requests["duration_p50"][0] is None
    assert series.export("gpu", found) == []


@pytest.mark.parametrize(
    ("hours", "size"), [(1, "1m"), (6, "4m"), (24, "15m"), (24 * 7, "2h"), (24 * 31, "8h")], ids=lambda value: str(value)
)
def test_the_usual_bucket_makes_about_a_hundred_points(hours: int, size: str) -> None:
    assert series.bucket_size(0, hours * HOUR_MS, None) == size


def test_what_can_not_be_had_is_refused_by_name() -> None:
    with pytest.raises(InvalidError, match="makes 720 points, more than 500"):
        series.bucket_size(0, 12 * HOUR_MS, "1m")
    with pytest.raises(InvalidError, match="unknown size '7m'; known: 1m, 2m"):
        series.bucket_size(0, HOUR_MS, "7m")
    with pytest.raises(InvalidError, match="known: containers, cpu"):
        series.check_group("weather")
