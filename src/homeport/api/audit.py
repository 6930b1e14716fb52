"""The audit log: what people did, and whether its records are whole."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from . import models
from .context import PlatformHere

router = APIRouter(prefix="/audit", tags=["audit"])

ENTRIES_MAX = 10_000


@router.get("", response_model=models.AuditLog)
async def acts(platform: PlatformHere, limit: Annotated[int, Query(ge=1, le=ENTRIES_MAX)] = 100) -> dict[str, Any]:
    """The last acts of people, newest first."""
    return {"audit": await platform.audit(limit)}


@router.get("/verify", response_model=models.AuditVerdict)
async def verify(platform: PlatformHere) -> dict[str, Any]:
    """Walks the chain of all records from the first."""
    return await platform.verify_audit()
