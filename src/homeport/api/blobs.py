"""Uploads: what is missing, and one blob at a time, streamed to disk. What a blob is, `store.blobs` knows."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from . import models
from .context import PlatformHere

router = APIRouter(prefix="/blobs", tags=["blobs"])


@router.post("/missing", response_model=models.BlobsMissing)
async def missing(body: models.BlobsMissingRequest, platform: PlatformHere) -> dict[str, Any]:
    """Those of the digests whose content has to be uploaded."""
    return {"missing": platform.blobs.missing(body.digests)}


@router.put(
    "/{digest}",
    status_code=204,
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
)
async def put(digest: str, request: Request, platform: PlatformHere) -> None:
    """Raw bytes whose sha256 is `digest`. Otherwise, and when the disk is full, nothing is kept."""
    await platform.blobs.put(digest, request.stream())
