"""The shapes of what is asked and answered about Dicts and Queues (docs/api.md). Keys and values are pickles in base64."""

from __future__ import annotations

from pydantic import Field

from .models import _Answer, _Request


class CreateRequest(_Request):
    name: str = ""
    environment: str = "main"
    allow_existing: bool = False


class ResolveRequest(_Request):
    name: str
    environment: str = "main"
    create_if_missing: bool = False


class KeyRequest(_Request):
    key: str


class DictPut(_Request):
    """`upload`: the one entry's value was uploaded under this name."""

    entries: list[tuple[str, str]]
    skip_if_exists: bool = False
    upload: str | None = None


class QueuePut(_Request):
    values: list[str]
    partition: str = ""
    ttl_ms: int = 24 * 3600 * 1000
    wait_ms: int = Field(0, ge=0)


class QueueGet(_Request):
    partition: str = ""
    count: int = 1
    wait_ms: int = Field(0, ge=0)


class QueuePeek(QueueGet):
    after: int = 0


class QueueClear(_Request):
    partition: str = ""
    everything: bool = False


class ObjectId(_Answer):
    object_id: str


class ObjectInfo(_Answer):
    object_id: str
    name: str | None
    environment: str
    created_at: str
    created_by: str


class Objects(_Answer):
    objects: list[ObjectInfo]


class Value(_Answer):
    """`large`: it is there, and has to be read by itself."""

    found: bool
    value: str | None = None
    large: bool = False


class Written(_Answer):
    written: int


class Length(_Answer):
    length: int


class DictPage(_Answer):
    entries: list[tuple[str, str]]
    after: int | None


class Taken(_Answer):
    values: list[str]


class Peeked(Taken):
    after: int


class Accepted(_Answer):
    """False: there was no room."""

    accepted: bool
