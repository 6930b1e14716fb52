"""The shapes of what is asked and answered about Secrets (docs/api.md): no answer has a value in it."""

from __future__ import annotations

from pydantic import Field

from .models import _Answer, _Request


class SecretRequest(_Request):
    name: str
    values: dict[str, str]
    environment: str = "main"
    overwrite: bool = False


class SecretUpdate(_Request):
    values: dict[str, str]


class SecretResolveRequest(_Request):
    name: str
    environment: str = "main"
    required_keys: list[str] = Field(default_factory=list)


class SecretValuesRequest(_Request):
    values: dict[str, str]
    environment: str = "main"
    dry_run: bool = False


class SecretInfo(_Answer):
    name: str
    secret_id: str
    keys: list[str]
    created_at: str
    created_by: str
    updated_at: str


class Secrets(_Answer):
    secrets: list[SecretInfo]


class SecretId(_Answer):
    secret_id: str


class SecretDeleted(_Answer):
    name: str
    secret_id: str


class SecretKeyRotated(_Answer):
    key_id: str
    secrets: int
