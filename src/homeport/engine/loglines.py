"""Lines of container logs as values: the parser of spawner/wire's format, and which lines are wanted. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

SOURCES = {b"o": "stdout", b"e": "stderr", b"s": "system"}


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    timestamp_ms: int
    container_id: str
    source: str  # "stdout", "stderr" or "system"
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter; what is not set lets everything through. Times are inclusive."""

    sources: Collection[str] | None = None
    search: str = ""  # a part of the text, upper and lower case alike
    since_ms: int | None = None
    until_ms: int | None = None

    def __call__(self, line: LogLine) -> bool:
        return (
            (self.sources is None or line.source in self.sources)
            and (self.since_ms is None or line.timestamp_ms >= self.since_ms)
            and (self.until_ms is None or line.timestamp_ms <= self.until_ms)
            and (not self.search or self.search.casefold() in line.text.casefold())
        )


EVERYTHING = Wanted()


def parse_line(data: bytes, container_id: str) -> LogLine | None:
    """`<ms> <o|e|s> <text>`, with or without its newline. None for anything else: a line that a power cut tore apart."""
    stamp, _, rest = data.partition(b" ")
    letter, _, text = rest.rstrip(b"\n").partition(b" ")
    source = SOURCES.get(letter)
    if source is None or not stamp.isdigit():
        return None
    return LogLine(int(stamp), container_id, source, text.decode("utf-8", "replace"))


def timestamp_ms(data: bytes) -> int | None:
    """Of a line, without reading the rest of it."""
    stamp = data.partition(b" ")[0]
    return int(stamp) if stamp.isdigit() else None
