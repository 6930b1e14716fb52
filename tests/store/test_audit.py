"""The audit log on a real disk: who did what, and what somebody did to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.ports import Record
from homeport.store import records
from homeport.store.audit import Audit
from homeport.store.database import Database
from homeport.store.journal import SqlJournal

APP = "ap-" + "1" * 22
WORLD = ("t1", 1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "journal.db")
    yield database
    database.close()


@pytest.fixture
def journal(database: Database) -> SqlJournal:
    journal = SqlJournal(database)
    published = records.Published(APP, "shop", "main", 1, "d" * 64, created=True)
    journal.append(1_000, [published.record("ann"), records.container_ready("ta-1")], [], WORLD)
    journal.append(2_000, [records.app_stop(APP, "bob"), records.app_stopped(APP)], [], WORLD)
    return journal


def edit(database: Database, statement: str) -> None:
    """What somebody with the file and sqlite3 can do."""
    with sqlite3.connect(database.path) as connection:
        connection.executescript(f"DROP TRIGGER records_no_update; DROP TRIGGER records_no_delete; {statement}")
    connection.close()


def test_it_lists_what_people_did_newest_first_and_nothing_else(database: Database, journal: SqlJournal) -> None:
    acts = Audit(journal, database).acts(10)
    assert [(act.seq, act.kind, act.actor, act.at_ms) for act in acts] == [
        (3, "app.stop", "bob", 2_000),
        (1, "deployment.published", "ann", 1_000),
    ]
    assert acts[1].body["app_name"] == "shop"
    assert [act.seq for act in Audit(journal, database).acts(1)] == [3]


def test_a_whole_log_is_told_as_such_with_its_length(database: Database, journal: SqlJournal) -> None:
    verdict = Audit(journal, database).verify()
    assert (verdict.records, verdict.problem) == (4, None)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE records SET actor = 'carl' WHERE seq = 3", "record 3 (app.stop) was changed after it was written"),
        ("UPDATE records SET body = 'not JSON' WHERE seq = 1", "record 1 (deployment.published) was changed"),
        ("UPDATE records SET at_ms = 5 WHERE seq = 2", "record 2 (container.ready) was changed"),
        ("DELETE FROM records WHERE seq = 2", "record 2 is missing"),
        ("DELETE FROM records WHERE seq = 4", "record 4 is missing"),
    ],
)
def test_an_edited_or_missing_record_is_named_also_after_more_was_written(
    database: Database, journal: SqlJournal, statement: str, words: str
) -> None:
    edit(database, statement)
    audit = Audit(journal, database)
    assert words in str(audit.verify().problem)
    journal.append(3_000, [Record("x", {}, "dora")], [], WORLD)
    assert words in str(audit.verify().problem)
    assert audit.acts(1)[0].actor == "dora"
