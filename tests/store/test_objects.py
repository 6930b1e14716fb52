"""What is in Dicts and Queues: order, limits, and the time after which it is gone."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.errors import PlatformError, ResourceExhaustedError
from homeport.store import queues
from homeport.store.dicts import IDLE_MS_MAX, USED_EVERY_MS, DictRows
from homeport.store.objects import Kind, ObjectFile, ObjectRow
from homeport.store.queues import ITEMS_MAX, Part, QueueRows

NOW_MS = 10 * IDLE_MS_MAX
PART = Part("qu-1")
TTL_MS = 1000


@pytest.fixture
def file(tmp_path: Path) -> Iterator[ObjectFile]:
    made = ObjectFile(tmp_path / "objects.db")
    yield made
    made.close()


def test_what_was_written_is_there_when_the_file_is_opened_again(file: ObjectFile) -> None:
    row = ObjectRow("di-1", Kind.DICT, "en-1", "shared", 5, "ann")
    file.add(row)
    DictRows(file).put("di-1", [(b"k", b"v")], NOW_MS, skip_existing=False)
    QueueRows(file).put(PART, [b"a", b"b"], NOW_MS, TTL_MS)
    again = ObjectFile(file.path)
    assert again.rows() == [row]
    assert DictRows(again).get("di-1", b"k", NOW_MS) == b"v"
    assert QueueRows(again).get(PART, 5, NOW_MS) == [b"a", b"b"]
    again.close()
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_file_of_a_newer_homeport_or_of_somebody_else_is_left_alone(file: ObjectFile, tmp_path: Path) -> None:
    with sqlite3.connect(file.path) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(PlatformError, match="has format 9, this homeport knows 1"):
        ObjectFile(file.path)
    (tmp_path / "text").write_text("not a database, and long enough to be read as one" * 100)
    with pytest.raises(PlatformError, match="is damaged or not a homeport database"):
        ObjectFile(tmp_path / "text")


def test_skip_if_exists_writes_only_what_is_not_there(file: ObjectFile) -> None:
    rows = DictRows(file)
    assert rows.put("di-1", [(b"a", b"1")], NOW_MS, skip_existing=True) == 1
    assert rows.put("di-1", [(b"a", b"2"), (b"b", b"2")], NOW_MS, skip_existing=True) == 1
    assert [rows.get("di-1", key, NOW_MS) for key in (b"a", b"b")] == [b"1", b"2"]
    assert rows.put("di-1", [(b"a", b"3")], NOW_MS, skip_existing=False) == 1
    assert rows.get("di-1", b"a", NOW_MS) == b"3"
    assert rows.get("di-2", b"a", NOW_MS) is None


def test_an_entry_goes_after_a_week_without_use_and_a_read_is_use(file: ObjectFile) -> None:
    rows = DictRows(file)
    rows.put("di-1", [(b"read", b"1"), (b"idle", b"1")], NOW_MS, skip_existing=False)
    later = NOW_MS + IDLE_MS_MAX - 1
    assert later - NOW_MS > USED_EVERY_MS
    assert rows.get("di-1", b"read", later) == b"1"
    assert rows.get("di-1", b"read", later + 2) == b"1"
    assert rows.get("di-1", b"idle", later + 2) is None
    assert rows.length("di-1", later + 2) == 1
    assert rows.pop("di-1", b"idle", later + 2) is None
    rows.put("di-1", [(b"lock", b"1")], NOW_MS, skip_existing=False)
    assert rows.put("di-1", [(b"lock", b"2")], NOW_MS + IDLE_MS_MAX, skip_existing=True) == 1
    rows.remove_idle(NOW_MS + 3 * IDLE_MS_MAX)
    assert file.connection.execute("SELECT count(*) FROM entries").fetchone()[0] == 0


def test_pages_have_every_entry_once_in_order(file: ObjectFile) -> None:
    rows = DictRows(file)
    wanted = [(b"%03d" % n, b"x" * (n % 7)) for n in range(100)]
    rows.put("di-1", wanted, NOW_MS, skip_existing=False)
    found, after = [], 0
    while True:
        page = rows.page("di-1", after, NOW_MS, bytes_max=30)
        found += page.entries
        if page.after is None:
            break
        after = page.after
    assert found == wanted


def test_pop_and_clear_take_out(file: ObjectFile) -> None:
    rows = DictRows(file)
    rows.put("di-1", [(b"a", b"1"), (b"b", b"2")], NOW_MS, skip_existing=False)
    assert [rows.pop("di-1", b"a", NOW_MS), rows.pop("di-1", b"a", NOW_MS)] == [b"1", None]
    rows.clear("di-1")
    assert rows.length("di-1", NOW_MS) == 0


def test_a_partition_that_is_full_takes_none_of_what_does_not_fit(file: ObjectFile) -> None:
    rows = QueueRows(file)
    assert rows.put(PART, [b"x"] * (ITEMS_MAX - 1), NOW_MS, TTL_MS)
    assert not rows.put(PART, [b"y", b"z"], NOW_MS, TTL_MS)
    assert rows.length(PART, NOW_MS) == ITEMS_MAX - 1
    assert rows.put(PART, [b"y"], NOW_MS, TTL_MS)
    assert rows.put(Part("qu-1", "other"), [b"y"], NOW_MS, TTL_MS)
    assert rows.total("qu-1", NOW_MS) == ITEMS_MAX + 1


def test_a_partition_goes_some_time_after_the_last_put(file: ObjectFile) -> None:
    rows = QueueRows(file)
    rows.put(PART, [b"a"], NOW_MS, TTL_MS)
    rows.put(PART, [b"b"], NOW_MS + 900, TTL_MS)
    assert rows.length(PART, NOW_MS + 1899) == 2
    assert rows.length(PART, NOW_MS + 1900) == rows.total("qu-1", NOW_MS + 1900) == 0
    assert rows.get(PART, 5, NOW_MS + 1900) == []
    assert rows.peek(PART, 0, 5, NOW_MS + 1900).values == ()
    rows.put(PART, [b"c"], NOW_MS + 2000, TTL_MS)
    assert rows.get(PART, 5, NOW_MS + 2000) == [b"c"]
    rows.put(PART, [b"d"], NOW_MS, TTL_MS)
    rows.remove_expired(NOW_MS + 5000)
    assert file.connection.execute("SELECT (SELECT count(*) FROM items) + (SELECT count(*) FROM parts)").fetchone()[0] == 0


def test_there_are_only_so_many_partitions(file: ObjectFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "PARTITIONS_MAX", 2)
    rows = QueueRows(file)
    for name in ("a", "b"):
        rows.put(Part("qu-1", name), [b"x"], NOW_MS, TTL_MS)
    with pytest.raises(ResourceExhaustedError, match="has 2 partitions"):
        rows.put(Part("qu-1", "c"), [b"x"], NOW_MS, TTL_MS)
    rows.put(Part("qu-1", "a"), [b"x"], NOW_MS, TTL_MS)
    rows.clear(Part("qu-1", "b"))
    assert rows.put(Part("qu-1", "c"), [b"x"], NOW_MS, TTL_MS)


def test_what_is_deleted_takes_all_that_is_in_it_along(file: ObjectFile) -> None:
    for object_id, kind in (("di-1", Kind.DICT), ("qu-1", Kind.QUEUE)):
        file.add(ObjectRow(object_id, kind, "en-1", None, 5, "ann", 9))
    DictRows(file).put("di-1", [(b"a", b"1")], NOW_MS, skip_existing=False)
    QueueRows(file).put(PART, [b"a"], NOW_MS, TTL_MS)
    file.remove("di-1")
    file.remove("qu-1")
    tables = ("objects", "entries", "items", "parts")
    assert all(file.connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] == 0 for name in tables)


acts = st.lists(
    st.tuples(
        st.sampled_from(["put", "get", "peek"]), st.sampled_from(["", "p"]), st.lists(st.binary(max_size=3), max_size=4)
    ),
    max_size=30,
)


@given(acts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
def test_a_queue_is_what_a_deque_for_each_partition_would_be(
    file: ObjectFile, told: list[tuple[str, str, list[bytes]]]
) -> None:
    rows, model = QueueRows(file), {"": deque[bytes](), "p": deque[bytes]()}
    rows.clear_all("qu-1")
    for act, name, values in told:
        part, expected = Part("qu-1", name), model[name]
        if act == "put":
            assert rows.put(part, values, NOW_MS, TTL_MS)
            expected.extend(values)
        elif act == "get":
            count = len(values) + 1
            assert rows.get(part, count, NOW_MS) == [expected.popleft() for _ in range(min(count, len(expected)))]
        else:
            assert list(rows.peek(part, 0, 100, NOW_MS).values) == list(expected)
        assert rows.total("qu-1", NOW_MS) == sum(map(len, model.values()))
