"""Secrets at rest: encrypted, bound to their ids, and readable at every moment of a change of the key."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.errors import ExecutionError, InvalidError, PlatformError
from homeport.store import records
from homeport.store.database import Database
from homeport.store.journal import SqlJournal
from homeport.store.keyring import Keyring, Sealed, open_keyring, parse, platform_key
from homeport.store.secrets import SecretRow, SecretTable

VALUES = {"TOKEN": "correct-horse-battery", "EMPTY": "", "TEXT": "naïve \U0001f511\nline two"}
ABOUT = records.AboutSecret("st-1", "main", "api", ("TOKEN",)).record(records.SECRET_CREATED, "ann")


class Stored:
    """A table on a directory, as the platform opens it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = Database(root / "journal.db")
        self.journal = SqlJournal(self.database)
        self.table = SecretTable(self.database, self.journal, open_keyring(root))

    def put(self, secret_id: str, name: str | None = None, used_at_ms: int = 5) -> SecretRow:
        sealed = self.table.seal(secret_id, VALUES)
        row = SecretRow(secret_id, "en-1", name, tuple(sorted(VALUES)), 5, "ann", 5, used_at_ms, sealed)
        self.table.put(5, row, ABOUT)
        return row

    def values(self, secret_id: str) -> dict[str, str]:
        return self.table.values(self.table.by_id([secret_id])[secret_id])

    def again(self) -> Stored:
        """As after a kill: nothing of this process is known to the next one."""
        self.database.close()
        return Stored(self.root)


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Stored]:
    made = Stored(tmp_path)
    yield made
    made.database.close()


def test_what_is_stored_comes_back_and_is_on_the_disk_encrypted_only(stored: Stored) -> None:
    stored.put("st-1", "api")
    assert stored.values("st-1") == VALUES
    assert "correct-horse" not in repr(stored.table.by_id(["st-1"]))
    again = stored.again()
    assert again.values("st-1") == VALUES
    again.database.close()
    everything = b"".join(path.read_bytes() for path in stored.root.iterdir() if path.is_file())
    assert b"correct-horse" not in everything


def test_a_blob_that_is_moved_to_another_secret_does_not_open(stored: Stored) -> None:
    stored.put("st-1", "api")
    stored.put("st-2", "other")
    with sqlite3.connect(stored.root / "journal.db") as other:
        other.execute("UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE secret_id = 'st-1')")
    with pytest.raises(ExecutionError, match="changed or damaged"):
        stored.values("st-2")


def test_the_record_and_the_secret_are_written_together_or_not_at_all(stored: Stored) -> None:
    stored.put("st-1", "api")
    before = stored.journal.verify(), stored.table.by_id(["st-1"])
    with pytest.raises(Exception, match="UNIQUE"):
        stored.put("st-2", "api")  # a second one of this name
    assert (stored.journal.verify(), stored.table.by_id(["st-1", "st-2"])) == before
    with stored.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM records").scalar() == 1
    stored.put("st-3", "third")
    assert stored.journal.verify() is None


def test_after_a_rotation_the_old_key_opens_nothing_and_is_gone(stored: Stored) -> None:
    stored.put("st-1", "api")
    keyring = stored.table.keyring
    old = keyring.current
    keyring.add()
    assert stored.table.reseal(9) == 1
    assert stored.values("st-1") == VALUES
    assert keyring.key_ids == (keyring.current,)
    assert old != keyring.current
    assert old not in (stored.root / "secrets.json").read_text()
    again = stored.again()
    assert again.values("st-1") == VALUES
    again.database.close()


@pytest.mark.parametrize("killed_after", ["the new key", "the rows", "nothing"])
def test_a_rotation_that_was_killed_anywhere_loses_nothing_and_is_finished_later(stored: Stored, killed_after: str) -> None:
    stored.put("st-1", "api")
    stored.put("st-2")
    keyring = stored.table.keyring
    if killed_after != "nothing":
        keyring.add()
    if killed_after == "the rows":
        keyring.retire_old = lambda: None  # type: ignore[method-assign]  # it never got there
        stored.table.reseal(9)
    again = stored.again()
    assert [again.values(secret_id) for secret_id in ("st-1", "st-2")] == [VALUES, VALUES]
    again.table.reseal(10)
    assert len(again.table.keyring.key_ids) == 1
    third = again.again()
    assert [third.values(secret_id) for secret_id in ("st-1", "st-2")] == [VALUES, VALUES]
    third.database.close()


def test_no_key_is_forgotten_while_something_can_not_be_decrypted(stored: Stored) -> None:
    stored.put("st-1", "api")
    stored.put("st-2", "lost")
    with sqlite3.connect(stored.root / "journal.db") as other:
        other.execute("UPDATE secrets SET key_id = 'another' WHERE secret_id = 'st-2'")
    stored.table.keyring.add()
    with pytest.raises(ExecutionError, match="the key another that it was encrypted with is not in"):
        stored.table.reseal(9)
    assert len(stored.table.keyring.key_ids) == 2
    assert stored.values("st-1") == VALUES


def test_only_what_nobody_uses_is_dropped(stored: Stored) -> None:
    stored.put("st-1", used_at_ms=100)
    assert not stored.table.drop_unused(1000, "st-1", 100)
    stored.table.used(200, "st-1")
    assert not stored.table.drop_unused(1000, "st-1", 150)
    assert stored.table.drop_unused(1000, "st-1", 201)
    assert stored.table.by_id(["st-1"]) == {}


def test_keys_from_outside_are_used_first_to_last_and_kept_nowhere(tmp_path: Path) -> None:
    new, old = os.urandom(32), os.urandom(32)
    text = f"{new.hex()}, {base64.b64encode(old).decode()}"
    before = Keyring(parse(old.hex(), "x"), None, "x").seal(b"hello", "me")
    keyring = open_keyring(tmp_path, given=text)
    assert keyring.open(before, "me") == b"hello"
    assert keyring.seal(b"hello", "me").key_id != before.key_id
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidError, match="comes from HOMEPORT_SECRET_KEY"):
        keyring.add()
    (tmp_path / "mine").write_text(old.hex() + "\n")
    assert open_keyring(tmp_path, str(tmp_path / "mine")).open(before, "me") == b"hello"


@pytest.mark.parametrize("text", ["", "abc", "00" * 31, "not base64 !", "00" * 33])
def test_what_is_no_key_is_refused_without_repeating_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidError, match="openssl rand -hex 32") as refused:
        parse(text or ",", "HOMEPORT_SECRET_KEY")
    assert not text or text not in refused.value.message


def test_a_key_file_is_private_and_a_damaged_one_is_never_replaced(tmp_path: Path) -> None:
    first = open_keyring(tmp_path)
    path = tmp_path / "secrets.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_keyring(tmp_path).current == first.current
    for content in ("{", "[]", json.dumps({"id": "c2hvcnQ="})):
        path.write_text(content)
        with pytest.raises(PlatformError, match="is damaged: restore it from a backup"):
            open_keyring(tmp_path)
        assert path.read_text() == content


def test_the_platform_s_own_key_stays_the_same_and_differs_by_purpose(tmp_path: Path) -> None:
    first = platform_key(tmp_path, "a")
    assert platform_key(tmp_path, "a") == first != platform_key(tmp_path, "b")
    assert (tmp_path / "platform.json").stat().st_mode & 0o777 == 0o600


def test_what_is_too_short_to_have_been_sealed_is_told_as_damage(stored: Stored) -> None:
    with pytest.raises(ExecutionError, match="changed or damaged"):
        stored.table.keyring.open(Sealed(stored.table.keyring.current, b"x"), "me")
