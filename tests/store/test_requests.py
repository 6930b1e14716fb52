"""The request log: what is written is found again, limits hold, and statistics are those of the requests."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.store.requests import MINUTE_MS, PHASES, RequestRow, RequestStore, Span
from homeport.store.tally import Tally

T0 = 1_800_000_000_000 - 1_800_000_000_000 % MINUTE_MS
DAY_MS = 86_400_000


def row(at_ms: int, *, container: str = "ta-1", path: str = "/", service: str = "fu-1") -> RequestRow:
    return RequestRow(at_ms, "ap-1", service, container, 3, "GET", path, 200, 5, 10, 20, "", "HTTP/1.1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RequestStore]:
    made = RequestStore(tmp_path / "requests.db")
    yield made
    made.close()


def test_the_newest_come_first_and_only_of_the_span(store: RequestStore) -> None:
    store.append([row(T0 + n) for n in range(5)] + [row(T0 + 2, service="fu-2"), row(T0 + 3, container="ta-2")])
    found = store.newest(Span("fu-1", T0 + 1, T0 + 4, "ta-1"), 2)
    assert [f.row.at_ms - T0 for f in found] == [3, 2]
    assert found[0].row == row(T0 + 3)


def test_pages_have_every_request_once_though_many_came_in_the_same_millisecond(store: RequestStore) -> None:
    store.append([row(T0 + n // 4, path=f"/{n}") for n in range(20)])
    span, seen, after = Span("fu-1", T0, T0 + 100), [], None
    while page := store.page(span, after, 3):
        seen += [f.row.path for f in page]
        after = (page[-1].row.at_ms, page[-1].number)
    assert seen == [f"/{n}" for n in range(20)]


def test_statistics_of_any_span_are_those_of_its_requests(store: RequestStore) -> None:
    times = [T0 + n * 7_001 for n in range(60)]
    store.append([row(at) for at in times[:30]])
    store.append([row(at) for at in times[30:]])  # late ones of the same minute add up
    for since, until in [(T0, T0 + 10**6), (T0 + 1, T0 + 200_000), (times[3], times[5]), (times[9], times[9])]:
        found = sum(minute.tally.requests for minute in store.minutes(Span("fu-1", since, until)))
        assert found == sum(since <= at < until for at in times)


def test_old_rows_go_by_time_and_tallies_stay(store: RequestStore) -> None:
    store.append([row(T0 - 8 * DAY_MS), row(T0 - 6 * DAY_MS)])
    assert store.collect(T0, days=7, mib=100) == 1
    assert len(store.newest(Span("fu-1", 0, T0), 10)) == 1
    assert sum(m.tally.requests for m in store.minutes(Span("fu-1", T0 - 9 * DAY_MS, T0))) == 2
    store.collect(T0 + 40 * DAY_MS, days=7, mib=100)
    assert store.minutes(Span("fu-1", T0 - 9 * DAY_MS, T0)) == []


def test_the_oldest_go_while_the_file_is_too_large(store: RequestStore) -> None:
    for batch in range(3):
        store.append([row(T0 + batch * 20_000 + n, path="/" + "x" * 100) for n in range(20_000)])
    assert store.collect(T0, days=7, mib=10) >= 20_000
    left = store.newest(Span("fu-1", 0, T0 * 2), 100_000)
    assert left[0].row.at_ms == T0 + 59_999
    assert len(left) in (20_000, 40_000)


def test_a_file_of_before_the_phases_goes_on_with_them(tmp_path: Path) -> None:
    path = tmp_path / "requests.db"
    store = RequestStore(path)
    store.append([row(T0)])
    store.close()
    with sqlite3.connect(path) as connection:
        for phase in PHASES:
            connection.execute(f"ALTER TABLE requests DROP COLUMN {phase}")
    connection.close()
    store = RequestStore(path)
    new = replace(row(T0 + 1), queue_ms=7)
    store.append([new])
    assert [found.row for found in store.newest(Span("fu-1", 0, T0 + 2), 5)] == [new, row(T0)]
    store.close()


def test_a_damaged_file_is_put_aside_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "requests.db"
    path.write_bytes(b"no database at all" * 100)
    store = RequestStore(path)
    store.append([row(T0)])
    assert len(store.newest(Span("fu-1", 0, T0 + 1), 5)) == 1
    assert path.with_suffix(".damaged").read_bytes().startswith(b"no database")
    store.close()


@given(st.lists(st.integers(0, 10_000_000), min_size=1), st.integers(1, 100))
def test_a_percentile_is_near_the_true_one_after_writing_and_merging(durations: list[int], percent: int) -> None:
    tally = Tally()
    for duration in durations:
        one = Tally()
        one.add(200, duration, 0, 0)
        tally.merge(Tally.decode(one.encode()))
    true = sorted(durations)[max(1, -(-len(durations) * percent // 100)) - 1]
    (found,) = tally.percentiles_ms([percent])
    assert found is not None
    assert abs(found - true) <= max(1, true * 0.06)


def test_status_classes_are_counted_and_a_client_that_left_is_other() -> None:
    tally = Tally()
    for status in (200, 204, 301, 404, 503, -1):
        tally.add(status, 1, 0, 0)
    assert tally.by_status == {"2xx": 2, "3xx": 1, "4xx": 1, "5xx": 1, "other": 1}
    assert (tally.requests, tally.failed) == (6, 1)
    assert Tally().percentiles_ms([50]) == [None]
