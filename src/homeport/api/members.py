"""Members, service users, API tokens and roles in environments. What each may do, `control.members` and `access` know."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..control.access import SERVICE, USER, role_in
from . import access_models as models
from .auth import Caller
from .context import PlatformHere

router = APIRouter(tags=["workspace"])


@router.get("/me", response_model=models.Me)
async def me(platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    """Whom the token of this request stands for, and the role of that person in each environment."""
    places = [platform.environments.place(row.name) for row in platform.environments.rows()]
    roles = {place.name: role_in(caller, place).value for place in places}
    return {"name": caller.name, "kind": caller.kind, "role": caller.workspace_role.value, "roles": roles}


@router.get("/workspace/members", response_model=models.Members)
async def members(platform: PlatformHere) -> dict[str, Any]:
    return {"members": platform.members.users()}


@router.post("/workspace/members", response_model=models.MemberMade)
async def create_member(body: models.MemberRequest, platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    """The only answer that holds the secret of the new member's first token."""
    return platform.members.create_user(body.name, body.role, caller)


@router.patch("/workspace/members/{name}", response_model=models.MemberInfo)
async def update_member(name: str, body: models.MemberUpdate, platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    return platform.members.set_role(name, body.role, caller)


@router.delete("/workspace/members/{name}", response_model=models.MemberDeleted)
async def delete_member(name: str, platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    return platform.members.delete(name, USER, caller)


@router.get("/workspace/service-users", response_model=models.ServiceUsers)
async def service_users(platform: PlatformHere) -> dict[str, Any]:
    return {"service_users": platform.members.services()}


@router.post("/workspace/service-users", response_model=models.ServiceUserMade)
async def create_service_user(body: models.ServiceUserRequest, platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    """The only answer that holds the secret of its token. It has no access anywhere yet."""
    return platform.members.create_service(body.name, caller)


@router.get("/workspace/service-users/{name}", response_model=models.ServiceUserInfo)
async def service_user(name: str, platform: PlatformHere) -> dict[str, Any]:
    return platform.members.service(name)


@router.delete("/workspace/service-users/{name}", response_model=models.MemberDeleted)
async def delete_service_user(name: str, platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    return platform.members.delete(name, SERVICE, caller)


@router.get("/workspace/tokens", response_model=models.ApiTokens)
async def tokens(platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    """One's own API tokens; for owners and managers those of everybody."""
    return {"tokens": platform.members.tokens(caller)}


@router.post("/workspace/tokens", response_model=models.ApiTokenMade)
async def create_token(body: models.ApiTokenRequest, platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    """The only answer that holds the secret."""
    return platform.members.create_token(body.member, caller)


@router.delete("/workspace/tokens/{token_id}", response_model=models.TokenDeleted)
async def delete_token(token_id: str, platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    return platform.members.delete_token(token_id, caller)


@router.get("/environments/{name}/roles", response_model=models.Roles)
async def roles(name: str, platform: PlatformHere) -> dict[str, Any]:
    return {"roles": platform.members.roles(name)}


@router.put("/environments/{name}/roles/{member}", response_model=models.RoleInfo)
async def update_role(
    name: str, member: str, body: models.RoleUpdate, platform: PlatformHere, caller: Caller
) -> dict[str, Any]:
    """`default` as the role: from now on none of their own."""
    return platform.members.set_environment_role(name, member, body.role, caller)
