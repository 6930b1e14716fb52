"""Streams of events to a client (server-sent events). Owns framing, heartbeats and what a client that goes away means.

The source runs in a task of its own, so nothing that happens to the client reaches it. When the client goes, a source is
ended, unless `keep_going`: then it runs to its end and nobody listens. So it is with a client who may not listen any more.

    event: NAME
    data: {"json": "on one line"}
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..control.requests import Event
from ..errors import ConnectionError, Error  # noqa: A004 - the public API's name for it
from .problems import as_data, as_error

log = logging.getLogger(__name__)

HEARTBEAT = b":\n\n"
HEARTBEAT_S = 15.0
FIRST_EVENT_WAIT_S = 0.25  # an error that comes sooner is answered by a status, a later one by an event
ASK_EVERY_S = 1.0  # whether the client may still listen
WAITING_EVENTS_MAX = 1_000  # for a slow client; then its source waits

_running: set[asyncio.Task[None]] = set()  # a task that nobody holds may vanish


class _End(NamedTuple):
    error: Exception | None


class EventStream(Response):
    media_type = "text/event-stream"

    def __init__(self, feed: _Feed, first: Event | _End | None, status_code: int = 200) -> None:
        super().__init__(status_code=status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._feed = feed
        self._first = first

    @classmethod
    async def of(cls, source: AsyncIterator[Event], *, keep_going: bool = False) -> EventStream:
        """The answer that tells `source`. Raises what the source raises before its first event, if it does so at once."""
        feed = _Feed(source, keep_going)
        try:
            first = await asyncio.wait_for(feed.next(), FIRST_EVENT_WAIT_S)
        except TimeoutError:
            return cls(feed, None)
        except asyncio.CancelledError:
            feed.leave()
            raise
        if isinstance(first, _End) and first.error is not None:
            raise first.error
        return cls(feed, first)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_client_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if self._first is None or await _say(send, self._first):
                await self._tell(send, gone, scope.get("state", {}).get("still_allowed"))
        except OSError:
            log.debug("a client went away while it was told something")
        finally:
            gone.cancel()
            self._feed.leave()

    async def _tell(self, send: Send, gone: asyncio.Task[None], still_allowed: Callable[[], None] | None) -> None:
        clock = asyncio.get_running_loop()
        asked_s = clock.time()
        coming = asyncio.create_task(self._feed.next())
        try:
            while True:
                await asyncio.wait({coming, gone}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return
                if still_allowed is not None and clock.time() - asked_s >= ASK_EVERY_S:
                    asked_s = clock.time()
                    if (refusal := _refusal(still_allowed)) is not None:
                        await _say(send, refusal)
                        return
                if not coming.done():
                    await send({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})
                    continue
                if not await _say(send, coming.result()):
                    return
                coming = asyncio.create_task(self._feed.next())
        finally:
            coming.cancel()


def _refusal(still_allowed: Callable[[], None]) -> _End | None:
    try:
        still_allowed()
    except Error as error:
        return _End(error)
    return None


def frame(event: Event) -> bytes:
    """The bytes of one event. JSON has no raw line breaks, so the data is always one line."""
    return f"event: {event.name}\ndata: {json.dumps(event.data, separators=(',', ':'))}\n\n".encode()


async def _say(send: Send, item: Event | _End) -> bool:
    """Returns whether more may follow."""
    if isinstance(item, Event):
        await send({"type": "http.response.body", "body": frame(item), "more_body": True})
        return True
    last = b"" if item.error is None else frame(Event("error", as_data(as_error(item.error))))
    await send({"type": "http.response.body", "body": last})
    return False


class _Feed:
    """A source that is being read, and those of its events that are not told yet."""

    def __init__(self, source: AsyncIterator[Event], keep_going: bool) -> None:
        self._keep_going = keep_going
        self._listening = True
        self._waiting: asyncio.Queue[Event | _End] = asyncio.Queue(0 if keep_going else WAITING_EVENTS_MAX)
        self._task = asyncio.create_task(self._read(source))
        _running.add(self._task)
        self._task.add_done_callback(_running.discard)

    async def next(self) -> Event | _End:
        return await self._waiting.get()

    def leave(self) -> None:
        """Nobody listens any more."""
        self._listening = False
        if not self._keep_going:
            self._task.cancel()

    async def _read(self, source: AsyncIterator[Event]) -> None:
        error: Exception | None = None
        try:
            async for event in source:
                if self._listening:
                    await self._waiting.put(event)
        except asyncio.CancelledError:
            if not self._listening:
                raise
            error = ConnectionError("This was ended before it was over; ask again how it is.")
        except Exception as failure:
            error = failure
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()
        if self._listening:
            await self._waiting.put(_End(error))
        elif error is not None:
            log.warning("a stream whose client had gone ended: %s", as_error(error).message)


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
