"""The shapes of requests and answers about tokens, members and roles (docs/api.md). Owns fields and their types."""

from __future__ import annotations

from pydantic import Field

from .models import _Answer, _Request

ENVIRONMENTS_MAX = 1_500


class WorkspaceInfo(_Answer):
    name: str
    rbac: bool


class WorkspaceUpdate(_Request):
    rbac: bool


class ProxyTokenRequest(_Request):
    name: str = ""
    environments: list[str] = Field(default_factory=list, max_length=ENVIRONMENTS_MAX)


class ProxyTokenUpdate(_Request):
    name: str


class ProxyTokenInfo(_Answer):
    token_id: str
    name: str
    created_at: str
    created_by: str
    scoped: bool
    environments: list[str]


class ProxyTokenMade(ProxyTokenInfo):
    token_secret: str


class ProxyTokens(_Answer):
    proxy_tokens: list[ProxyTokenInfo]


class TokenDeleted(_Answer):
    token_id: str


class Me(_Answer):
    name: str
    kind: str
    role: str
    roles: dict[str, str]


class MemberRequest(_Request):
    name: str
    role: str = "member"


class MemberUpdate(_Request):
    role: str


class MemberInfo(_Answer):
    name: str
    role: str
    user_id: str
    created_at: str | None
    created_by: str | None


class MemberMade(MemberInfo):
    token_id: str
    token_secret: str


class Members(_Answer):
    members: list[MemberInfo]


class MemberDeleted(_Answer):
    name: str


class ServiceUserRequest(_Request):
    name: str


class ServiceUserInfo(MemberInfo):
    roles: dict[str, str]
    tokens: list[str]


class ServiceUserMade(ServiceUserInfo):
    token_id: str
    token_secret: str


class ServiceUsers(_Answer):
    service_users: list[ServiceUserInfo]


class RoleUpdate(_Request):
    role: str


class RoleInfo(_Answer):
    name: str
    kind: str
    role: str
    default: bool


class Roles(_Answer):
    roles: list[RoleInfo]


class ApiTokenRequest(_Request):
    member: str | None = None


class ApiTokenInfo(_Answer):
    token_id: str
    member: str
    kind: str
    created_at: str
    created_by: str


class ApiTokenMade(ApiTokenInfo):
    token_secret: str


class ApiTokens(_Answer):
    tokens: list[ApiTokenInfo]
