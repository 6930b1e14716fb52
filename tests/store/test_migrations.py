"""Data directories of earlier versions: brought to today's schema, with what their records tell."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import homeport.store
from homeport.ports import Record
from homeport.store import records
from homeport.store.history import History
from homeport.store.journal import SqlJournal

APP = "ap-" + "1" * 22
FIRST_RELEASE = "0001"
PUBLISHED = {
    "app_id": APP,
    "app_name": "hello",
    "environment": "main",
    "client_version": "0.1",
    "tag": "",
    "commit": None,
    "type": "standard",
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal as the first release left it: v1 was live and superseded, v2 was overtaken, v3 is live, v4 failed."""
    path = tmp_path / "journal.db"
    config = Config()
    config.set_main_option("script_location", str(Path(homeport.store.__path__[0]) / "migrations"))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST_RELEASE)
    engine.dispose()
    with sqlite3.connect(path) as connection:
        outcomes = {1: "superseded", 2: "superseded", 3: "live", 4: "failed"}
        connection.executemany(
            "INSERT INTO deployments VALUES (?, ?, 1, 'ann', '0.1', '', NULL, 'digest', 'standard', ?, 5, NULL)",
            [(APP, version, outcome) for version, outcome in outcomes.items()],
        )
        connection.execute("INSERT INTO app_index VALUES (?, 1, 'hello', 'main', 'deployed', 1, 'ann', NULL, NULL)", (APP,))
        told = [_published(version) for version in outcomes]
        told += [_settled(1, "live", 10), _settled(2, "superseded", 20), _settled(3, "live", 30)]
        told += [_settled(1, "superseded", 30), _settled(4, "failed", 40)]
        connection.executemany(
            "INSERT INTO records VALUES (?, 1, ?, ?, ?, '', '')",
            [(seq, record.kind, json.dumps(record.body), record.actor) for seq, record in enumerate(told, 1)],
        )
        connection.execute("INSERT INTO meta VALUES ('head', ?)", (f"{len(told)}:{'0' * 64}",))
    connection.close()
    return path


def _published(version: int) -> Record:
    body = {**PUBLISHED, "version": version, "manifest_digest": "digest", "created": version == 1}
    return Record(records.DEPLOYMENT_PUBLISHED, body, "ann")


def _settled(version: int, outcome: str, at_ms: int) -> Record:
    return records.Settled(APP, version, outcome, at_ms).record()


def test_an_old_history_tells_which_versions_were_live_once(old: Path) -> None:
    journal = SqlJournal.open(old)
    found = {row.version: (row.live_at_ms, row.rollback_version) for row in History(journal._database).history(APP)}
    assert found == {1: (10, None), 2: (None, None), 3: (30, None), 4: (None, None)}
    journal.close()


def test_an_old_history_folded_again_from_its_records_is_the_same(old: Path) -> None:
    journal = SqlJournal.open(old)
    history = History(journal._database)
    before = [(row.version, row.outcome, row.live_at_ms) for row in history.history(APP)]
    journal.rebuild()
    assert [(row.version, row.outcome, row.live_at_ms) for row in history.history(APP)] == before
    journal.close()


def test_an_old_journal_takes_a_rollback(old: Path) -> None:
    journal = SqlJournal.open(old)
    rollback = records.Published(APP, "hello", "main", 5, "digest", False, type="rollback", rollback_version=1)
    journal.append(50, [rollback.record("bob")], [], ("t1", 1))
    row = History(journal._database).history(APP)[0]
    assert (row.version, row.type, row.rollback_version, row.actor) == (5, "rollback", 1, "bob")
    journal.close()
