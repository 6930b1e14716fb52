"""Proxy tokens of the workspace, and whether they are bound to environments. What one is, `control.proxytokens` knows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from . import access_models as models
from .auth import Actor
from .context import PlatformHere

router = APIRouter(prefix="/workspace", tags=["workspace"])


@router.get("", response_model=models.WorkspaceInfo)
async def workspace(platform: PlatformHere) -> dict[str, Any]:
    return {"name": platform.workspace, "rbac": platform.proxy_tokens.rbac}


@router.patch("", response_model=models.WorkspaceInfo)
async def update_workspace(body: models.WorkspaceUpdate, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """With RBAC a proxy token is good only in the environments that it was allowed in."""
    await platform.proxy_tokens.set_rbac(body.rbac, actor)
    return {"name": platform.workspace, "rbac": platform.proxy_tokens.rbac}


@router.get("/proxy-tokens", response_model=models.ProxyTokens)
async def proxy_tokens(
    platform: PlatformHere,
    environment: Annotated[str | None, Query(max_length=64, description="Only those that are good there.")] = None,
) -> dict[str, Any]:
    """In order of creation."""
    return {"proxy_tokens": platform.proxy_tokens.lines(environment)}


@router.post("/proxy-tokens", response_model=models.ProxyTokenMade)
async def create(body: models.ProxyTokenRequest, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """The only answer that holds the secret."""
    return await platform.proxy_tokens.create(body.name, body.environments, actor)


@router.patch("/proxy-tokens/{token_id}", response_model=models.ProxyTokenInfo)
async def update(token_id: str, body: models.ProxyTokenUpdate, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    return platform.proxy_tokens.rename(token_id, body.name, actor)


@router.delete("/proxy-tokens/{token_id}", response_model=models.TokenDeleted)
async def delete(token_id: str, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Answers when no request gets in with it any more."""
    return await platform.proxy_tokens.delete(token_id, actor)


@router.put("/proxy-tokens/{token_id}/environments/{environment}", response_model=models.ProxyTokenInfo)
async def allow(token_id: str, environment: str, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    return await platform.proxy_tokens.grant(token_id, environment, True, actor)


@router.delete("/proxy-tokens/{token_id}/environments/{environment}", response_model=models.ProxyTokenInfo)
async def revoke(token_id: str, environment: str, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Answers when no request gets in there with it any more."""
    return await platform.proxy_tokens.grant(token_id, environment, False, actor)
