"""Container logs from files: tails, ranges and following, over rotations and over several containers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.engine import logs
from homeport.engine.follow import Follower, follow
from homeport.engine.loglines import LogLine, Wanted, parse_line


def write(path: Path, first: int, last: int, letter: str = "o") -> None:
    with path.open("a") as file:
        file.writelines(f"{ms} {letter} line {ms}\n" for ms in range(first, last))


def stamps(lines: list[LogLine]) -> list[int]:
    return [line.timestamp_ms for line in lines]


def test_a_line_is_parsed_with_its_source() -> None:
    assert parse_line(b"12 e a b  c \n", "ta-1") == LogLine(12, "ta-1", "stderr", "a b  c ")
    assert parse_line(b"12 s \n", "ta-1") == LogLine(12, "ta-1", "system", "")
    assert parse_line(b"12 o \xff", "ta-1") == LogLine(12, "ta-1", "stdout", "\ufffd")


@pytest.mark.parametrize("torn", [b"", b"\n", b"12", b"x o text", b"12 q text", b"12 outer text", b"\x00\x00\x00"])
def test_a_torn_line_is_none(torn: bytes) -> None:
    assert parse_line(torn, "ta-1") is None


def test_lines_are_wanted_by_source_text_and_time() -> None:
    line = LogLine(10, "ta-1", "stderr", "An Error")
    assert Wanted(sources=["stderr"], search="error", since_ms=10, until_ms=10)(line)
    assert not Wanted(sources=["stdout"])(line)
    assert not Wanted(search="fine")(line)
    assert not Wanted(since_ms=11)(line)
    assert not Wanted(until_ms=9)(line)


def test_a_tail_comes_from_the_end_and_goes_on_in_the_rotated_file(tmp_path: Path) -> None:
    write(tmp_path / "log.1", 0, 50)
    write(tmp_path / "log", 50, 60)
    paths = {"ta-1": str(tmp_path / "log")}
    assert stamps(logs.read_tail(paths, 4)) == [56, 57, 58, 59]
    assert stamps(logs.read_tail(paths, 15)) == list(range(45, 60))
    assert stamps(logs.read_tail(paths, 1000)) == list(range(60))


def test_a_tail_does_not_read_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "log", 100_000, 120_000)
    monkeypatch.setattr(logs, "BLOCK_BYTES", 1_000)
    with (tmp_path / "log").open("rb") as file:
        lines = logs.lines_backwards(file, file.seek(0, 2))
        assert next(lines) == b"119999 o line 119999"
        assert file.tell() >= file.seek(0, 2) - 1_000


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("1 o whole\n2 o hal")
    assert [line.text for line in logs.read_tail({"ta-1": str(tmp_path / "log")}, 5)] == ["whole"]


def test_several_containers_are_merged_by_time_and_missing_logs_are_empty(tmp_path: Path) -> None:
    write(tmp_path / "a", 0, 5)
    write(tmp_path / "b", 3, 8)
    paths = {"ta-a": str(tmp_path / "a"), "ta-b": str(tmp_path / "b"), "ta-c": str(tmp_path / "none")}
    assert stamps(logs.read_tail(paths, 5)) == [4, 4, 5, 6, 7]
    assert stamps(list(logs.read_range(paths, Wanted(since_ms=2, until_ms=4)))) == [2, 3, 3, 4, 4]


def test_a_tail_of_wanted_lines_looks_further_back(tmp_path: Path) -> None:
    write(tmp_path / "log", 0, 3, "e")
    write(tmp_path / "log", 3, 900)
    assert stamps(logs.read_tail({"ta-1": str(tmp_path / "log")}, 2, Wanted(sources=["stderr"]))) == [1, 2]


@given(st.lists(st.integers(100, 130), min_size=1, max_size=60), st.integers(95, 135), st.integers(0, 40))
def test_bisection_finds_the_first_line_that_is_not_older(times: list[int], since_ms: int, width: int) -> None:
    import io

    times.sort()
    lines = [f"{ms} o {'x' * width}\n".encode() for ms in times]
    file = io.BytesIO(b"".join(lines))
    expected = sum(len(line) for line, ms in zip(lines, times, strict=True) if ms < since_ms)
    assert logs.seek_to_time(file, since_ms) == expected  # type: ignore[arg-type] # BytesIO is a BinaryIO but by name


def test_following_goes_on_over_a_rotation_without_loss(tmp_path: Path) -> None:
    log = tmp_path / "log"
    write(log, 0, 10)
    follower = Follower(lambda: {"ta-1": str(log)})
    assert stamps(follower.tail(2)) == [8, 9]
    write(log, 10, 12)
    log.rename(tmp_path / "log.1")
    write(log, 12, 14)
    found: list[int] = []
    while True:
        progress, lines = follower.poll()
        if not progress:
            break
        found += stamps(lines)
    assert found == [10, 11, 12, 13]
    write(log, 14, 15)
    assert stamps(follower.poll()[1]) == [14]


def test_following_takes_new_containers_from_their_beginning(tmp_path: Path) -> None:
    paths = {"ta-1": str(tmp_path / "a")}
    write(tmp_path / "a", 0, 3)
    follower = Follower(lambda: paths)
    assert stamps(follower.tail(0)) == []
    paths["ta-2"] = str(tmp_path / "b")
    write(tmp_path / "b", 1, 3)
    write(tmp_path / "a", 3, 4)
    assert stamps(follower.poll()[1]) == [1, 2, 3]


def test_following_since_a_time_begins_in_the_rotated_file(tmp_path: Path) -> None:
    write(tmp_path / "log.1", 0, 10)
    write(tmp_path / "log", 10, 12)

    async def collect() -> list[LogLine]:
        ended = asyncio.Event()
        ended.set()
        return [line async for line in follow(lambda: {"ta-1": str(tmp_path / "log")}, ended, Wanted(since_ms=8))]

    assert stamps(asyncio.run(collect())) == [8, 9, 10, 11]


def test_carriage_returns_do_not_split_a_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"1 o 10%\r20%\n2 o done\n")
    follower = Follower(lambda: {"ta-1": str(tmp_path / "log")})
    assert [line.text for line in follower.poll()[1]] == ["10%\r20%", "done"]


def test_following_ends_when_it_is_told_to_and_not_before(tmp_path: Path) -> None:
    write(tmp_path / "log", 0, 2)

    async def scenario() -> list[LogLine]:
        ended, seen = asyncio.Event(), []
        async for line in follow(lambda: {"ta-1": str(tmp_path / "log")}, ended):
            seen.append(line)
            if line.timestamp_ms == 1:
                write(tmp_path / "log", 2, 3)
            if line.timestamp_ms == 2:
                ended.set()
        return seen

    assert stamps(asyncio.run(scenario())) == [0, 1, 2]
