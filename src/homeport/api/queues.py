"""Queues: what is in one, and waiting for it. Owns that nothing is taken out for a client that has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from ..errors import ConnectionError  # noqa: A004 - the public API's name for it
from ..store.objects import Kind
from . import object_models as models
from .context import PlatformHere
from .objects import Within, decoded, encoded, router_of

T = TypeVar("T")

router = router_of(Kind.QUEUE)


@router.post("/{object_id}/put", response_model=models.Accepted)
async def put(object_id: str, body: models.QueuePut, platform: PlatformHere, within: Within, request: Request) -> Any:
    """All values or none; `accepted` is false when there is no room for them within `wait_ms` (at most 25 s)."""
    row = platform.objects.get(Kind.QUEUE, object_id, within)
    values = [decoded(value, "value") for value in body.values]
    work = platform.queues.put(row, body.partition, values, ttl_ms=body.ttl_ms, wait_ms=body.wait_ms)
    return {"accepted": await _for(request, work)}


@router.post("/{object_id}/get", response_model=models.Taken)
async def get(object_id: str, body: models.QueueGet, platform: PlatformHere, within: Within, request: Request) -> Any:
    """Takes out up to `count`; waits up to `wait_ms` (at most 25 s) for the first."""
    row = platform.objects.get(Kind.QUEUE, object_id, within)
    found = await _for(request, platform.queues.get(row, body.partition, body.count, body.wait_ms))
    return {"values": [encoded(value) for value in found]}


@router.post("/{object_id}/peek", response_model=models.Peeked)
async def peek(object_id: str, body: models.QueuePeek, platform: PlatformHere, within: Within, request: Request) -> Any:
    """The same, and they stay: those that came later than `after`."""
    row = platform.objects.get(Kind.QUEUE, object_id, within)
    work = platform.queues.peek(row, body.partition, body.after, body.count, body.wait_ms)
    seen = await _for(request, work)
    return {"values": [encoded(value) for value in seen.values], "after": seen.after}


@router.get("/{object_id}/len", response_model=models.Length)
async def length(
    object_id: str, platform: PlatformHere, within: Within, partition: str = "", total: bool = False
) -> dict[str, Any]:  # fmt: skip
    row = platform.objects.get(Kind.QUEUE, object_id, within)
    return {"length": await platform.queues.length(row, partition, total=total)}


@router.post("/{object_id}/clear", status_code=204)
async def clear(object_id: str, body: models.QueueClear, platform: PlatformHere, within: Within) -> None:
    row = platform.objects.get(Kind.QUEUE, object_id, within)
    await platform.queues.clear(row, body.partition, everything=body.everything)


async def _for(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, unless the client goes before: then it is given up, and takes nothing."""
    doing, gone = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ConnectionError("The client has gone.")
        return doing.result()
    finally:
        for task in (doing, gone):
            task.cancel()
        await asyncio.gather(doing, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
