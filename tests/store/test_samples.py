"""What containers used: merged by minute, made coarse with age, and dropped in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.store.samples import COARSE_MS, DAY_MS, DAYS, FINE_DAYS, MINUTE_MS, Reading, SampleStore, Usage

NOW_MS = 100 * DAY_MS + 5 * MINUTE_MS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SampleStore]:
    made = SampleStore(tmp_path / "samples.db")
    yield made
    made.close()


def usage(cpu_ms: int = 500, memory_mib: int = 40, elapsed_ms: int = 10_000) -> Usage:
    made = Usage()
    made.add(Reading(elapsed_ms, cpu_ms, memory_mib, received_bytes=7, sent_bytes=9))
    return made


def test_readings_of_one_minute_are_one_row(store: SampleStore) -> None:
    store.add(NOW_MS, {"fu-1": usage(), "fu-2": usage(memory_mib=1)})
    store.add(NOW_MS + 10_000, {"fu-1": usage(cpu_ms=1_500, memory_mib=60)})
    (sample,) = store.between("fu-1", NOW_MS - 1, NOW_MS + MINUTE_MS)
    assert sample.at_ms == NOW_MS
    found = sample.usage
    assert (found.container_ms, found.cpu_ms, found.memory_mib_ms, found.memory_mib_max) == (20_000, 2_000, 1_000_000, 60)
    assert (found.received_bytes, found.sent_bytes, found.by_cpu.total()) == (14, 18, 2)
    assert Usage.decode(found.encode()) == found


def test_percentiles_are_a_tenth_off_at_most() -> None:
    found = Usage()
    for cpu_ms in (100, 200, 300, 400, 5_000):
        found.merge(usage(cpu_ms=cpu_ms, memory_mib=100))
    assert found.cpu_percentile(50) == pytest.approx(0.03, rel=0.1)
    assert found.cpu_percentile(99) == pytest.approx(0.5, rel=0.1)
    assert found.memory_percentile(50) == pytest.approx(100, rel=0.1)
    assert Usage().cpu_percentile(50) is None


def test_old_minutes_become_quarters_of_an_hour_and_nothing_is_lost_by_it(store: SampleStore) -> None:
    for minute in range(4):
        store.add(NOW_MS + minute * MINUTE_MS, {"fu-1": usage()})
    later_ms = NOW_MS + FINE_DAYS * DAY_MS + 2 * COARSE_MS
    store.collect(later_ms)
    store.collect(later_ms)
    (sample,) = store.between("fu-1", NOW_MS, NOW_MS + 5 * MINUTE_MS)
    assert sample.at_ms == NOW_MS - NOW_MS % COARSE_MS
    assert sample.usage.container_ms == 40_000
    store.collect(NOW_MS + (DAYS + 1) * DAY_MS)
    assert store.between("fu-1", 0, NOW_MS + DAY_MS) == []


def test_a_damaged_file_is_put_aside_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "samples.db"
    path.write_bytes(b"not a database" * 1000)
    store = SampleStore(path)
    store.add(NOW_MS, {"fu-1": usage()})
    assert len(store.between("fu-1", NOW_MS, NOW_MS + 1)) == 1
    store.close()
    assert (tmp_path / "samples.damaged").exists()
