"""The journal on a real disk: durable, chained, and honest about failures."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from homeport.core.model import App
from homeport.core.states import AppState
from homeport.errors import PlatformError
from homeport.ports import Record
from homeport.store.database import HEAD_REVISION, Database
from homeport.store.journal import SqlJournal
from homeport.store.tables import schema

WORLD = ("t1", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqlJournal]:
    journal = SqlJournal.open(path)
    yield journal
    journal.close()


def write_three(journal: SqlJournal) -> None:
    journal.append(1, [Record("a", {"n": 1}, "ann"), Record("b", {"n": 2})], [], WORLD)
    journal.append(2, [Record("c", {"n": 3})], [], WORLD)


def tamper(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(f"DROP TRIGGER records_no_update; DROP TRIGGER records_no_delete; {statement}")
    connection.close()


def test_the_migrations_give_the_tables_that_the_code_expects(path: Path) -> None:
    database = Database(path)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema) == []
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD_REVISION
    database.close()


def test_a_journal_is_synced_and_its_file_private(journal: SqlJournal, path: Path) -> None:
    pragmas = {
        name: journal._database.writer.exec_driver_sql(f"PRAGMA {name}").scalar()
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    journal._database.writer.rollback()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_newer_schema_is_refused_in_words(journal: SqlJournal, path: Path) -> None:
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(PlatformError, match=f"newer homeport .schema 9999, this one knows {HEAD_REVISION}"):
        SqlJournal.open(path)


def test_a_file_that_is_no_database_is_refused_in_words(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    with pytest.raises(PlatformError, match="damaged or not a homeport journal"):
        SqlJournal.open(path)


def test_a_directory_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        SqlJournal.open(tmp_path / "absent" / "journal.db")


def test_the_chain_holds_over_a_restart(journal: SqlJournal, path: Path) -> None:
    write_three(journal)
    journal.close()
    again = SqlJournal.open(path)
    write_three(again)
    assert again.verify() is None
    again.close()


def test_an_empty_journal_verifies(journal: SqlJournal) -> None:
    assert journal.verify() is None


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE records SET body = '{}' WHERE seq = 2", r"record 2 \(b\) was changed"),
        ("UPDATE records SET actor = 'eve' WHERE seq = 1", r"record 1 \(a\) was changed"),
        ("DELETE FROM records WHERE seq = 1", "record 1 is missing"),
        ("DELETE FROM records WHERE seq = 2", "record 2 is missing"),
        ("DELETE FROM records WHERE seq = 3", "record 3 is missing"),
        ("UPDATE records SET prev_hash = '' WHERE seq = 3", r"record 3 \(c\) does not follow record 2"),
        ("DELETE FROM records; INSERT INTO meta VALUES ('x', 'y')", "record 1 is missing"),
    ],
)
def test_verify_names_the_first_bad_or_missing_record(journal: SqlJournal, path: Path, statement: str, problem: str) -> None:
    write_three(journal)
    tamper(path, statement)
    found = journal.verify()
    assert found is not None
    assert re.search(problem, found)


def test_records_can_not_be_changed_by_accident(journal: SqlJournal, path: Path) -> None:
    write_three(journal)
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("DELETE FROM records")
    connection.close()


def test_the_chain_goes_on_right_after_a_failed_append(journal: SqlJournal) -> None:
    write_three(journal)
    writer = journal._database.writer
    pages = writer.exec_driver_sql("PRAGMA page_count").scalar()
    writer.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    writer.rollback()
    with pytest.raises(OSError):
        journal.append(3, [Record("big", {"x": "x" * 500_000})], [], WORLD)
    write_three(journal)  # the failed connection was replaced, and with it its limit
    assert journal.verify() is None


def test_readers_see_what_is_committed_while_another_transaction_writes(journal: SqlJournal) -> None:
    app = App("ap-1", "main", "hello", AppState.DEPLOYED, created_at_ms=5)
    journal.append(1, [], [app], WORLD)
    with journal._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM apps")
        assert journal.load() == ([app], WORLD)
        connection.rollback()
