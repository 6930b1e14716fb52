"""What people read of the past, from the records that tell it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.ports import Record
from homeport.store import records
from homeport.store.history import History
from homeport.store.journal import SqlJournal
from homeport.store.projections import changes

WORLD = ("t1", 1)
ONE, TWO = "ap-" + "1" * 22, "ap-" + "2" * 22
COMMIT: dict[str, object] = {"vcs": "git", "commit_hash": "a" * 40, "dirty": True}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    journal = SqlJournal.open(tmp_path / "journal.db")
    yield journal
    journal.close()


@pytest.fixture
def history(journal: SqlJournal) -> History:
    return History(journal._database)


def publish(app_id: str, version: int, *, name: str = "hello", environment: str = "main", created: bool = False) -> Record:
    return records.Published(app_id, name, environment, version, f"digest{version}", created, "t", "1.0", COMMIT).record(
        "ann"
    )


def test_a_published_version_is_in_the_history_at_once(journal: SqlJournal, history: History) -> None:
    journal.append(10, [publish(ONE, 1, created=True)], [], WORLD)
    (row,) = history.history(ONE)
    assert (row.version, row.at_ms, row.actor, row.outcome, row.commit) == (1, 10, "ann", "rolling", COMMIT)
    assert (row.settled_at_ms, row.reason, row.manifest_digest, row.type) == (None, None, "digest1", "standard")
    app = history.find_app("hello", "main")
    assert app is not None
    assert (app.app_id, app.state, app.created_at_ms, app.created_by) == (ONE, "initializing", 10, "ann")


def test_outcomes_are_recorded_newest_first(journal: SqlJournal, history: History) -> None:
    journal.append(10, [publish(ONE, 1, created=True)], [], WORLD)
    journal.append(20, [records.Settled(ONE, 1, "live", 19).record()], [], WORLD)
    journal.append(30, [publish(ONE, 2)], [], WORLD)
    journal.append(40, [records.Settled(ONE, 2, "failed", 39, "it never listened").record()], [], WORLD)
    journal.append(50, [publish(ONE, 3)], [], WORLD)
    journal.append(60, [records.Settled(ONE, n, o, 60).record() for n, o in ((3, "live"), (1, "superseded"))], [], WORLD)
    found = [(row.version, row.outcome, row.settled_at_ms, row.reason) for row in history.history(ONE)]
    assert found == [(3, "live", 60, None), (2, "failed", 39, "it never listened"), (1, "superseded", 19, None)]
    assert history.apps("main")[0].state == "deployed"
    assert history.history(TWO) == []


def test_a_name_means_the_live_app_and_else_the_last_that_was_stopped(journal: SqlJournal, history: History) -> None:
    journal.append(10, [publish(ONE, 1, created=True)], [], WORLD)
    journal.append(20, [records.app_stop(ONE, "bob")], [], WORLD)
    journal.append(21, [records.app_stop(ONE, "eve"), records.app_stopped(ONE)], [], WORLD)
    stopped = history.find_app("hello", "main")
    assert stopped is not None
    assert (stopped.app_id, stopped.state, stopped.stopped_at_ms, stopped.stopped_by) == (ONE, "stopped", 21, "bob")
    journal.append(30, [publish(TWO, 1, created=True), publish("ap-x", 1, environment="dev", created=True)], [], WORLD)
    live, by_id = history.find_app("hello", "main"), history.find_app(ONE, "anywhere")
    assert live is not None
    assert by_id is not None
    assert (live.app_id, by_id.app_id) == (TWO, ONE)
    assert history.find_app("hello", "prod") is None
    assert [app.app_id for app in history.apps("main")] == [ONE, TWO]
    assert len(history.apps()) == 3


def test_a_container_is_followed_from_its_creation_to_its_end(journal: SqlJournal, history: History) -> None:
    journal.append(
        1, [records.container_created("co-1", ONE, "web", 3), records.container_created("co-2", TWO, "w", 1)], [], WORLD
    )
    journal.append(2, [records.container_started("co-1", "10.0.0.2:8000")], [], WORLD)
    journal.append(3, [records.container_ready("co-1")], [], WORLD)
    journal.append(4, [records.container_stop("co-1", "ann")], [], WORLD)
    journal.append(5, [records.ContainerEnded("co-1", "exited", 3, "bye", True).record()], [], WORLD)
    journal.append(6, [records.ContainerEnded("co-1", "lost").record()], [], WORLD)  # told twice: the first stays
    journal.append(7, [records.requests_cut("co-1", 1), records.requests_cut("co-1", 2)], [], WORLD)
    row = history.container("co-1")
    assert row is not None
    assert (row.started_at_ms, row.ready_at_ms, row.ended_at_ms, row.stopped_by) == (2, 3, 5, "ann")
    assert (row.cut, row.failed) == (2, True)
    assert (row.exit_code, row.reason, row.detail, row.address) == (3, "exited", "bye", "10.0.0.2:8000")
    assert [one.container_id for one in history.containers()] == ["co-1", "co-2"]
    assert [one.container_id for one in history.containers(ended=False)] == ["co-2"]
    assert [one.container_id for one in history.containers(ONE)] == ["co-1"]
    assert history.container("co-9") is None


def test_a_body_that_lacks_something_writes_nothing(journal: SqlJournal) -> None:
    with pytest.raises(KeyError):
        journal.append(1, [Record("x", {}), Record(records.APP_STOP, {})], [], WORLD)
    assert journal.load() == ([], None)
    assert journal.verify() is None


def test_an_unknown_kind_has_no_projection() -> None:
    assert changes(1, 1, Record("something.else", {"a": 1})) == ()


APPS, CONTAINERS = st.sampled_from([ONE, TWO]), st.sampled_from(["co-1", "co-2", "co-3"])
VERSIONS = st.integers(1, 3)
ANY_RECORD = st.one_of(
    st.builds(lambda app, version, made: publish(app, version, created=made), APPS, VERSIONS, st.booleans()),
    st.builds(
        lambda app, version, outcome, at: records.Settled(app, version, outcome, at).record(),
        APPS, VERSIONS, st.sampled_from(["live", "failed", "superseded"]), st.integers(0, 99),
    ),
    st.builds(records.app_stop, APPS, st.sampled_from(["ann", "bob"])),
    st.builds(records.app_stopped, APPS),
    st.builds(records.container_created, CONTAINERS, APPS, st.just("web"), VERSIONS),
    st.builds(records.container_started, CONTAINERS, st.just("10.0.0.1:80")),
    st.builds(records.container_ready, CONTAINERS),
    st.builds(records.container_stop, CONTAINERS, st.just("ann")),
    st.builds(
        lambda container, code: records.ContainerEnded(container, "exited", code).record(),
        CONTAINERS, st.none() | st.integers(0, 255),
    ),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(ANY_RECORD, max_size=12))
def test_rebuilt_projections_are_those_that_were_written_along(
    tmp_path_factory: pytest.TempPathFactory, said: list[Record]
) -> None:
    journal = SqlJournal.open(tmp_path_factory.mktemp("rebuild") / "journal.db")
    history = History(journal._database)
    for at_ms, record in enumerate(said):
        journal.append(at_ms, [record], [], WORLD)
    before = (history.apps(), history.containers(), history.history(ONE), history.history(TWO))
    journal.rebuild()
    assert (history.apps(), history.containers(), history.history(ONE), history.history(TWO)) == before
    journal.close()
