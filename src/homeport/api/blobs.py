"""Uploads: what is missing, many small ones in one request, and a large one streamed to disk, from where it broke off.

What a blob is, `store.blobs` knows.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Query, Request

from ..errors import InvalidError
from ..manifest import frames
from . import models
from .context import PlatformHere

router = APIRouter(prefix="/blobs", tags=["blobs"])

_RAW = {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}


@router.post("/missing", response_model=models.BlobsMissing)
async def missing(body: models.BlobsMissingRequest, platform: PlatformHere) -> dict[str, Any]:
    """Those of the digests whose content has to be uploaded."""
    return {"missing": await asyncio.to_thread(platform.blobs.missing, body.digests)}


@router.post("/batch", status_code=204, openapi_extra=_RAW)
async def put_all(request: Request, platform: PlatformHere) -> None:
    """Several blobs: for each the 32 bytes of its digest, its size in 8 bytes (the highest first), and its content.

    If one of them has another digest, or when the disk is full, nothing of this request is kept.
    """
    try:
        contents = frames.unpack(await request.body())
    except ValueError as error:
        raise InvalidError(f"The body is not a batch of blobs: {error}.") from None
    await asyncio.to_thread(platform.blobs.add_all, contents)


@router.get("/{digest}", response_model=models.BlobArrived)
async def arrived(digest: str, platform: PlatformHere) -> dict[str, Any]:
    """How much of it is here: at which byte an upload goes on, and whether that was the last one."""
    offset, complete = await asyncio.to_thread(platform.blobs.arrived, digest)
    return {"offset": offset, "complete": complete}


@router.put("/{digest}", status_code=204, openapi_extra=_RAW)
async def put(digest: str, request: Request, platform: PlatformHere, offset: int | None = Query(None, ge=0)) -> None:
    """Raw bytes whose sha256 is `digest`. Otherwise, and when the disk is full, nothing is kept.

    With `offset` the bytes begin there, and what arrives before the connection breaks is kept to be continued.
    """
    await platform.blobs.put(digest, request.stream(), offset)
