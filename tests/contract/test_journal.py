"""What every journal must do, on the one in memory and on SQLite."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from homeport.core.model import App, Deployment, Strategy
from homeport.core.states import AppState, DeploymentState
from homeport.ports import Journal, Record
from homeport.store.journal import SqlJournal
from homeport.testing.journal import MemoryJournal

WORLD = ("t1", 7)


@dataclass
class Bench:
    """A journal, a way to open what it wrote again, and a way to fill its disk."""

    journal: Journal
    reopen: Callable[[], Journal]
    fill_disk: Callable[[], None]


@pytest.fixture(params=["memory", "sqlite"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "memory":
        memory = MemoryJournal()
        yield Bench(memory, lambda: memory, lambda: memory.fail_next(OSError(errno.ENOSPC, "full")))
        return
    opened: list[SqlJournal] = []

    def reopen() -> SqlJournal:
        for journal in opened:
            journal.close()
        opened[:] = [SqlJournal.open(tmp_path / "journal.db")]
        return opened[0]

    def fill_disk() -> None:
        pages = opened[0]._database.writer.exec_driver_sql("PRAGMA page_count").scalar()
        opened[0]._database.writer.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        opened[0]._database.writer.rollback()

    yield Bench(reopen(), reopen, fill_disk)
    opened[0].close()


def test_a_new_journal_is_empty(bench: Bench) -> None:
    assert bench.journal.load() == ([], None)


def test_what_was_appended_is_there_after_a_restart(bench: Bench) -> None:
    one, two = app("ap-1"), app("ap-2")
    bench.journal.append(1_000, [Record("x", {"a": 1}, "ann")], [one], WORLD)
    bench.journal.append(2_000, [], [two], ("t1", 8))
    assert bench.reopen().load() == ([one, two], ("t1", 8))


def test_apps_keep_the_order_of_their_creation(bench: Bench) -> None:
    bench.journal.append(1, [], [app("ap-b")], WORLD)
    bench.journal.append(2, [], [app("ap-a")], WORLD)
    bench.journal.append(3, [], [replace(app("ap-b"), version=2)], WORLD)
    assert [(one.app_id, one.version) for one in bench.reopen().load()[0]] == [("ap-b", 2), ("ap-a", 1)]


def test_a_stopped_app_is_loaded_as_long_as_it_has_a_deployment(bench: Bench) -> None:
    last = Deployment(1, "d", (), Strategy.ROLLING, DeploymentState.SUPERSEDED, "r", 1)
    over = replace(app("ap-a"), state=AppState.STOPPED)
    bench.journal.append(1, [], [app("ap-a"), app("ap-b")], WORLD)
    bench.journal.append(2, [], [replace(over, deployments=(last,))], WORLD)
    again = bench.reopen()
    assert [one.app_id for one in again.load()[0]] == ["ap-a", "ap-b"]
    again.append(3, [], [over], WORLD)
    assert [one.app_id for one in bench.reopen().load()[0]] == ["ap-b"]


def test_a_full_disk_is_an_oserror_and_nothing_is_written(bench: Bench) -> None:
    bench.journal.append(1, [Record("x", {})], [app("ap-a")], WORLD)
    bench.fill_disk()
    with pytest.raises(OSError) as caught:
        bench.journal.append(2, [Record("y", {"big": "x" * 500_000})], [app("ap-b")], ("t1", 99))
    assert caught.value.errno == errno.ENOSPC
    assert bench.journal.load() == ([app("ap-a")], WORLD)


def test_it_goes_on_when_there_is_room_again(bench: Bench) -> None:
    bench.journal.append(1, [Record("x", {})], [app("ap-a")], WORLD)
    bench.fill_disk()
    with pytest.raises(OSError):
        bench.journal.append(2, [Record("y", {"big": "x" * 500_000})], [app("ap-b")], ("t1", 8))
    bench = replace(bench, journal=bench.reopen())
    bench.journal.append(3, [Record("y", {})], [app("ap-b")], ("t1", 9))
    assert [one.app_id for one in bench.reopen().load()[0]] == ["ap-a", "ap-b"]


def test_a_body_that_is_no_json_writes_nothing(bench: Bench) -> None:
    with pytest.raises(TypeError):
        bench.journal.append(1, [Record("x", {"bad": object()})], [app("ap-a")], WORLD)
    assert bench.journal.load() == ([], None)


def app(app_id: str) -> App:
    return App(app_id, "main", "hello", AppState.DEPLOYED, created_at_ms=5, version=1)
