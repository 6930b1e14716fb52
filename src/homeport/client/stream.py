"""Server-sent events: bytes in, events out. Pure and incremental; knows nothing of HTTP or of what the events mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import ConnectionError, Error, from_code  # noqa: A004 - the public API's name for it

LINE_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream of the API: its name and the JSON object of its data."""

    name: str
    data: dict[str, Any]


class Parser:
    """The event stream format: lines that end in CR, LF or both, wherever the chunks happen to be cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._at_start = True
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[tuple[str, str]]:
        """(name, data) of each event that `chunk` completes. One that is never completed is never told."""
        *lines, self._rest = self._lines(self._rest + chunk)
        if len(self._rest) > LINE_BYTES_MAX:
            raise ConnectionError("The platform sent a line that is too long; this is not an event stream of homeport.")
        return [event for line in lines if (event := self._line(line)) is not None]

    def _lines(self, buffer: bytes) -> list[bytes]:
        # A CR at the very end may be half of a CRLF: it stays in the rest until the next chunk tells.
        held = b"\r" if buffer.endswith(b"\r") else b""
        lines = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        lines[-1] += held
        return lines

    def _line(self, raw: bytes) -> tuple[str, str] | None:
        line = raw.decode("utf-8", "replace")
        if self._at_start:
            self._at_start = False
            line = line.removeprefix("\ufeff")
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        return None

    def _dispatch(self) -> tuple[str, str] | None:
        name, data = self._name, self._data
        self._name, self._data = "", []
        return (name or "message", "\n".join(data)) if data else None


def events(chunks: Iterable[bytes], is_last: Callable[[Event], bool]) -> Iterator[Event]:
    """The events in `chunks`, up to and including the one for which `is_last` holds.

    Raises the error that the platform reports as an event, and ConnectionError when the stream ends before its last
    event or holds something else.
    """
    parser = Parser()
    for chunk in chunks:
        for name, data in parser.feed(chunk):
            event = Event(name, _object(data))
            if name == "error":
                raise _reported(event.data)
            yield event
            if is_last(event):
                return
    raise ConnectionError("The stream from the platform was cut before its end; what it reported on may still be going on.")


def _reported(data: dict[str, Any]) -> Error:
    message = str(data.get("message", "The platform reported an error."))
    return from_code(str(data.get("code", "error")), message, str(data.get("image_id") or ""))


def _object(data: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ConnectionError(f"The platform sent an event that is not a JSON object: {data[:80]!r}.")
    return value
