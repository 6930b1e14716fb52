"""Container logs from their files: the last lines, and a time range, over several containers in order of time.

A log is two files, the older `<path>.1` and `<path>`. Reading a tail reads the end of the files only, and a range is
found by bisection: what is not shown is not read. Following is in `follow`.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import BinaryIO

from .loglines import EVERYTHING, LogLine, Wanted, parse_line, timestamp_ms

BLOCK_BYTES = 64 << 10
LINE_BYTES_MAX = 128 << 10  # far above what the shim cuts lines to

Paths = Mapping[str, str]  # container id -> log path


@dataclass(slots=True)
class Place:
    """How far a log was read: in which of its files, up to which byte (where a line begins)."""

    inode: int
    offset: int


def read_tail(
    paths: Paths, count: int, wanted: Wanted = EVERYTHING, until: Mapping[str, Place] = MappingProxyType({})
) -> list[LogLine]:
    """The last `count` lines that are wanted, oldest first. A log that does not exist is empty. Raises OSError.

    until: by container id, the place behind which nothing is looked at.
    """
    newest_first = heapq.merge(
        *(_backwards(path, container_id, wanted, until.get(container_id)) for container_id, path in paths.items()),
        key=lambda line: line.timestamp_ms,
        reverse=True,
    )
    return list(islice(newest_first, count))[::-1]


def read_range(paths: Paths, wanted: Wanted = EVERYTHING) -> Iterator[LogLine]:
    """All lines that are wanted, oldest first, as they are read: it may be more than fits into memory. Raises OSError."""
    return heapq.merge(
        *(_forwards(path, container_id, wanted) for container_id, path in paths.items()),
        key=lambda line: line.timestamp_ms,
    )


def files_of(path: str) -> tuple[str, str]:
    """The files of a log, older one first."""
    return f"{path}.1", path


def seek_to_time(file: BinaryIO, since_ms: int) -> int:
    """Moves to the first line that is not older, by bisection, and returns the offset."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while low < high:
        middle = (low + high) // 2
        begin = _line_start(file, middle)
        file.seek(begin)
        line = file.readline(LINE_BYTES_MAX)
        stamp = timestamp_ms(line)
        if stamp is not None and stamp >= since_ms:
            high = begin
        else:
            low = max(begin + len(line), low + 1)
    return file.seek(min(low, high))


def _line_start(file: BinaryIO, offset: int) -> int:
    """Where the line begins that `offset` is in."""
    begin = max(0, offset - LINE_BYTES_MAX)
    file.seek(begin)
    cut = file.read(offset - begin).rfind(b"\n")
    return begin + cut + 1 if cut >= 0 else begin


def _forwards(path: str, container_id: str, wanted: Wanted) -> Iterator[LogLine]:
    for name in files_of(path):
        try:
            file = open(name, "rb")  # noqa: SIM115 - closed below, and not there is no error
        except FileNotFoundError:
            continue
        with file:
            if wanted.since_ms is not None:
                seek_to_time(file, wanted.since_ms)
            for data in file:
                line = parse_line(data, container_id)
                if line is None:
                    continue
                if wanted.until_ms is not None and line.timestamp_ms > wanted.until_ms:
                    return
                if wanted(line):
                    yield line


def end_of(path: str) -> Place:
    """Behind the last whole line; inode 0 when there is no log yet. Raises OSError."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below, and not there is no error
    except FileNotFoundError:
        return Place(0, 0)
    with file:
        return Place(os.fstat(file.fileno()).st_ino, _line_start(file, file.seek(0, os.SEEK_END)))


def _backwards(path: str, container_id: str, wanted: Wanted, until: Place | None) -> Iterator[LogLine]:
    for data in _all_backwards(path, until):
        line = parse_line(data, container_id)
        if line is None:
            continue
        if wanted.since_ms is not None and line.timestamp_ms < wanted.since_ms:
            return
        if wanted(line):
            yield line


def _all_backwards(path: str, until: Place | None) -> Iterator[bytes]:
    for name in reversed(files_of(path)):
        try:
            file = open(name, "rb")  # noqa: SIM115 - closed below, and not there is no error
        except FileNotFoundError:
            continue
        with file:
            if until is None:
                yield from lines_backwards(file, file.seek(0, os.SEEK_END))
            elif os.fstat(file.fileno()).st_ino == until.inode:
                yield from lines_backwards(file, until.offset)
                until = None  # what is older is looked at whole


def lines_backwards(file: BinaryIO, end: int) -> Iterator[bytes]:
    """Whole lines before the byte `end`, last one first; one without its newline is still being written, and left out."""
    offset, rest, at_end = end, b"", True
    while offset > 0:
        size = min(BLOCK_BYTES, offset)
        offset = file.seek(offset - size)
        first, *whole = (file.read(size) + rest).split(b"\n")
        if whole and at_end:
            whole.pop()
            at_end = False
        yield from reversed(whole)
        rest = first
    if not at_end:
        yield rest
