"""How much of requests is held in memory: how large a body may be, and how many large ones there are at a time. Blobs and
files are streamed, and limited by the store.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import InvalidError, ResourceExhaustedError
from .problems import answer

BODY_BYTES_MAX = 32 * 1024**2
STREAMED = ("/v1/blobs/", "/v1/volumes/", "/v1/dicts/")
LARGE_BYTES = 1024**2
LARGE_AT_ONCE, LARGE_PER_CALLER = 8, 3
ARRIVAL_S_MAX = 120.0  # of a large one, from the moment that it has a place


class LimitBody:
    """ASGI middleware: 413 for a body that is too large, whether it says so before or not. Large ones wait for a place."""

    def __init__(self, app: ASGIApp, bytes_max: int = BODY_BYTES_MAX) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._places = Places()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"] == "PUT" and scope["path"].startswith(STREAMED)):
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope["path"], self._bytes_max)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._bytes_max:
            await answer(refusal)(scope, receive, send)
            return
        async with AsyncExitStack() as place:
            body = _Body(receive, self._bytes_max, refusal)

            async def limited() -> Message:
                message = await body.receive()
                if body.is_large and not body.has_place:
                    await place.enter_async_context(self._places.one(scope.get("state", {}).get("actor", "")))
                    body.has_place = True
                return message

            async def answering(message: Message) -> None:
                await place.aclose()  # what came was judged and used
                await send(message)

            await self._app(scope, limited, answering)


class Places:
    """For large bodies. A caller that has its share waits without being in the way of others."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(LARGE_AT_ONCE)
        self._shares: dict[str, asyncio.Semaphore] = {}
        self._requests: Counter[str] = Counter()

    @asynccontextmanager
    async def one(self, caller: str) -> AsyncIterator[None]:
        share = self._shares.setdefault(caller, asyncio.Semaphore(LARGE_PER_CALLER))
        self._requests[caller] += 1
        try:
            async with share, self._all:
                yield
        finally:
            self._requests[caller] -= 1
            if not self._requests[caller]:
                del self._requests[caller], self._shares[caller]


class _Body:
    """One that is being received, counted."""

    def __init__(self, receive: Receive, bytes_max: int, refusal: ResourceExhaustedError) -> None:
        self._receive = receive
        self._bytes_max = bytes_max
        self._refusal = refusal
        self._seen = 0
        self._more = True
        self.has_place = False

    @property
    def is_large(self) -> bool:
        return self._seen > LARGE_BYTES

    async def receive(self) -> Message:
        """Raises ResourceExhaustedError, and InvalidError for one that is in the way of others for too long."""
        if not (self.has_place and self._more):
            return self._count(await self._receive())
        try:
            async with asyncio.timeout(ARRIVAL_S_MAX):
                return self._count(await self._receive())
        except TimeoutError:
            raise InvalidError(f"The request's body stalled for {ARRIVAL_S_MAX:g} s; send it again.") from None

    def _count(self, message: Message) -> Message:
        self._seen += len(message.get("body", b""))
        self._more = message.get("more_body", False)
        if self._seen > self._bytes_max:
            raise self._refusal
        return message


def _refusal(path: str, bytes_max: int) -> ResourceExhaustedError:
    if path.startswith("/v1/deployments"):  # semantics 1.4.15
        return ResourceExhaustedError(f"An App whose definition has more than {bytes_max} bytes is too large to deploy")
    return ResourceExhaustedError(f"The request is too large: its body may have at most {bytes_max} bytes.")
