"""Receives the two log rings of the data plane (RFC 6587, octet-counted, over loopback TCP).

Bytes are collected as they come and parsed in bounded batches, so that a flood of requests never holds up the event loop:
beyond a bound the connection is not read, and HAProxy's ring forgets its oldest records. Requests are never slowed down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import PlatformError
from .records import EMPTY, RequestRecord, parse

BATCH_DELAY_S = 0.05
BATCH_RECORDS_MAX = 500
BUFFER_BYTES_MAX = 4 << 20
RECORD_BYTES_MAX = 1 << 16
EVENT_AGE_MS_MAX = 30_000  # rings replay what was missed; old demand is no demand
DEMAND_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class EmptyPool:
    """Requests found no container: demand (semantics 2.2.3). `requests` were refused since the last one of this service."""

    app_id: str
    service_id: str
    at_ms: int
    requests: int


class Frames:
    """Cuts an octet-counted stream into records. Pure."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def take(self, limit: int) -> list[bytes]:
        """Up to `limit` complete records. Raises ValueError when the stream is not octet-counted."""
        found: list[bytes] = []
        position = 0
        while len(found) < limit:
            space = self._buffer.find(b" ", position, position + 8)
            if space < 0:
                if len(self._buffer) - position >= 8:
                    raise ValueError("no length where one belongs")
                break
            end = space + 1 + int(self._buffer[position:space])
            if not space < end <= space + RECORD_BYTES_MAX:
                raise ValueError("a record of impossible length")
            if end > len(self._buffer):
                break
            found.append(bytes(self._buffer[space + 1 : end]))
            position = end
        del self._buffer[:position]
        return found


class Receiver(asyncio.Protocol):
    """One connection of a ring. `deliver` gets the parsed records of a batch."""

    def __init__(
        self,
        deliver: Callable[[Sequence[RequestRecord]], None],
        delay_s: float,
        lost: Callable[[Receiver], None],
    ) -> None:
        self._deliver = deliver
        self._delay_s = delay_s
        self._lost = lost
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._frames.feed(data)
        if len(self._frames) > BUFFER_BYTES_MAX and self._transport:
            self._transport.pause_reading()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay_s, self._batch)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._lost(self)

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def _batch(self) -> None:
        self._timer = None
        try:
            lines = self._frames.take(BATCH_RECORDS_MAX)
        except ValueError:
            self.abort()  # somebody else spoke to this port
            return
        if len(lines) == BATCH_RECORDS_MAX:
            self._timer = asyncio.get_running_loop().call_later(0, self._batch)
        elif self._transport and not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()
        records = [record for record in map(parse, lines) if record is not None]
        if records:
            self._deliver(records)


class Demand:
    """Counts refused requests by service: the first is told at once, the following ones at most every 100 ms."""

    def __init__(self, tell: Callable[[EmptyPool], None], now_ms: Callable[[], int]) -> None:
        self._tell = tell
        self._now_ms = now_ms
        self._waiting: dict[str, EmptyPool | None] = {}

    def add(self, records: Sequence[RequestRecord]) -> None:
        for record in records:
            if record.why == EMPTY and self._now_ms() - record.at_ms <= EVENT_AGE_MS_MAX:
                self._one(record)

    def _one(self, record: RequestRecord) -> None:
        key = record.service_id
        if key not in self._waiting:
            self._waiting[key] = None
            asyncio.get_running_loop().call_later(DEMAND_PAUSE_S, self._again, key)
            self._tell(EmptyPool(record.app_id, key, record.at_ms, 1))
            return
        last = self._waiting[key]
        self._waiting[key] = EmptyPool(record.app_id, key, record.at_ms, last.requests + 1 if last else 1)

    def _again(self, key: str) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            self._waiting[key] = None
            asyncio.get_running_loop().call_later(DEMAND_PAUSE_S, self._again, key)
            self._tell(waiting)


class Ring:
    """Receives one ring on a loopback port, from as many connections as there are workers."""

    def __init__(self, deliver: Callable[[Sequence[RequestRecord]], None], delay_s: float = BATCH_DELAY_S) -> None:
        self._deliver = deliver
        self._delay_s = delay_s
        self._receivers: set[Receiver] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, port: int) -> None:
        """Raises PlatformError when the port is taken."""
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._receiver, "127.0.0.1", port, reuse_address=True)
        except OSError as error:
            why = error.strerror
            raise PlatformError(f"The router's loopback port {port} can't be used: {why}; choose another one.") from error

    def close(self) -> None:
        """Hang up: HAProxy keeps its records for the next one who listens."""
        if self._server:
            self._server.close()
        for receiver in list(self._receivers):
            receiver.abort()

    def _receiver(self) -> Receiver:
        receiver = Receiver(self._deliver, self._delay_s, self._receivers.discard)
        self._receivers.add(receiver)
        return receiver
