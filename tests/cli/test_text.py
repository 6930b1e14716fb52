"""The shapes of what is printed. Pure."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from homeport.cli import text
from homeport.cli.rollout import Rollout


def test_a_tree_has_its_last_branch_closed_and_further_lines_below_their_leaf() -> None:
    assert text.tree(["a", "b\nmore", "c\nlast"]) == ["├── a", "├── b", "│   more", "└── c", "    last"]
    assert text.tree([]) == []


def test_a_locale_without_our_signs_gets_ascii() -> None:
    assert text.fit("✓ Created objects.", "ascii") == "[ok] Created objects."
    assert text.fit("└── 🔨 Created Server => http://x", "ascii") == "`-- Created Server => http://x"
    assert text.fit("✓ App deployed in 0.412s! 🎉", "iso-8859-1") == "[ok] App deployed in 0.412s!"
    assert text.fit("prints é", "ascii") == r"prints \xe9"
    assert text.fit("✓ é 🎉", "utf-8") == "✓ é 🎉"
    assert text.fit("lone \udc80", "utf-8") == r"lone \udc80"


def test_a_plain_table_is_aligned_and_has_no_trailing_blanks() -> None:
    assert text.table(("ID", "Name"), [("ap-1", "x"), ("a", "")]) == ["ID    Name", "ap-1  x", "a"]
    assert text.table(("ID", "Name"), []) == ["ID  Name"]


def test_sizes_are_for_people() -> None:
    sizes = [text.size(size) for size in (0, 1023, 1500, 5 << 20, 5 << 30, 3 << 40)]
    assert sizes == ["0 B", "1023 B", "1.5 KiB", "5.0 MiB", "5.0 GiB", "3.0 TiB"]


def test_one_of_something_is_no_plural() -> None:
    assert [text.counted(count, "App") for count in (0, 1, 2)] == ["0 Apps", "1 App", "2 Apps"]


def test_times_are_shown_in_the_local_zone() -> None:
    assert text.local_time("2026-11-21T10:00:00.123Z", timezone(timedelta(hours=1))) == "2026-11-21 11:00:00+01:00"
    assert text.local_time(None) == ""


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"commit_hash": "0123456789abcdef", "dirty": True}, "0123456*"),
        ({"commit_hash": "0123456789abcdef", "dirty": False}, "0123456"),
        ({}, ""),
        (None, ""),
        ("0123456*", "0123456*"),
    ],
)
def test_a_commit_is_seven_digits_and_a_star_if_dirty(given: object, shown: str) -> None:
    assert text.commit(given) == shown


def test_a_log_line_has_the_parts_that_were_asked_for() -> None:
    entry = {"timestamp": "2026-11-21T10:00:00Z", "container_id": "ta-1", "text": "hello\n"}
    assert text.log_line(entry, text.LogPrefix()) == "hello"
    assert text.log_line(entry, text.LogPrefix(True, True), UTC) == "2026-11-21 10:00:00+00:00 ta-1 hello"


def test_a_rollout_tells_each_move_once_and_counts_what_is_there() -> None:
    rollout = Rollout()
    assert rollout.summary() == "Rolling out..."
    move = {"container_id": "ta-2", "server": "Server", "version": 2, "state": "starting", "reason": ""}
    assert rollout.fold(move) == "Server v2: ta-2 is starting"
    assert rollout.fold(move) == ""
    assert rollout.fold({**move, "state": "ready"}) == "Server v2: ta-2 is ready"
    rollout.fold({**move, "container_id": "ta-1", "version": 1, "state": "draining"})
    assert rollout.summary() == "Rolling out... 1 ready, 1 draining"
    ended = {**move, "container_id": "ta-1", "state": "ended", "reason": "exit code 1"}
    assert rollout.fold(ended).endswith("(exit code 1)")
    assert rollout.summary() == "Rolling out... 1 ready"
