"""What a container prints: cut into lines with time and stream, appended to its log, rotated. Format: see `wire`."""

from __future__ import annotations

import os
import time

from . import wire

STDOUT, STDERR, SYSTEM = b"o", b"e", b"s"


class LineSplitter:
    """One stream's bytes in, whole stamped lines out; keeps what has no newline yet. Pure: time comes in."""

    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._rest = b""

    def feed(self, data: bytes, now_ms: int) -> bytes:
        """The lines that `data` completes, ready to be written."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        while len(self._rest) >= wire.LOG_LINE_BYTES_MAX:
            lines.append(self._rest[: wire.LOG_LINE_BYTES_MAX])
            self._rest = self._rest[wire.LOG_LINE_BYTES_MAX :]
        return _stamped(self._stream, lines, now_ms)

    def finish(self, now_ms: int) -> bytes:
        """The last line, if it had no newline."""
        rest, self._rest = self._rest, b""
        return _stamped(self._stream, [rest], now_ms) if rest else b""


class LogFile:
    """Appends; renames to `.1` when it is full. Never raises: a full disk loses lines and says later how many bytes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._size = 0
        self._lost_bytes = 0

    def write(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._open()
            if self._lost_bytes:
                gap = b"%d bytes of log were lost: the disk was full" % self._lost_bytes
                self._append(_stamped(SYSTEM, [gap], now_ms()))
                self._lost_bytes = 0
            self._append(data)
        except OSError:
            self._lost_bytes += len(data)

    def say(self, text: str) -> None:
        """A line of our own."""
        self.write(_stamped(SYSTEM, [line.encode() for line in text.splitlines()], now_ms()))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        if self._fd >= 0 and self._size < wire.LOG_ROTATE_BYTES:
            return
        if self._fd >= 0:
            self.close()
            os.rename(self._path, f"{self._path}.1")
        os.makedirs(os.path.dirname(self._path) or ".", 0o700, exist_ok=True)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._fd).st_size

    def _append(self, data: bytes) -> None:
        wire.write_all(self._fd, data)
        self._size += len(data)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _stamped(stream: bytes, lines: list[bytes], at_ms: int) -> bytes:
    if not lines:
        return b""
    prefix = b"%d %s " % (at_ms, stream)
    if max(map(len, lines)) > wire.LOG_LINE_BYTES_MAX:
        lines = [piece for line in lines for piece in _cut(line)]
    return prefix + (b"\n" + prefix).join(lines) + b"\n"


def _cut(line: bytes) -> list[bytes]:
    most = wire.LOG_LINE_BYTES_MAX
    return [line[start : start + most] for start in range(0, len(line), most)] or [b""]
