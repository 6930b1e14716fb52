"""The shapes of requests and answers about Volumes (docs/api.md). Owns fields and their types."""

from __future__ import annotations

from pydantic import Field

from .models import _Answer, _Request

PATHS_MAX = 10_000


class VolumeRequest(_Request):
    name: str | None = None
    environment: str = "main"
    allow_existing: bool = False


class ResolveRequest(_Request):
    name: str
    environment: str = "main"
    create_if_missing: bool = False


class RenameRequest(_Request):
    name: str


class PathsRequest(_Request):
    paths: list[str] = Field(max_length=PATHS_MAX)


class CopyRequest(_Request):
    sources: list[str] = Field(min_length=1, max_length=PATHS_MAX)
    destination: str
    recursive: bool = False


class VolumeInfo(_Answer):
    volume_id: str
    name: str | None
    environment: str
    created_at: str
    created_by: str


class Volumes(_Answer):
    volumes: list[VolumeInfo]


class VolumeResolved(_Answer):
    volume_id: str
    created: bool


class VolumeDeleted(_Answer):
    volume_id: str
    name: str | None


class VolumeUser(_Answer):
    app_id: str
    name: str
    environment: str


class VolumeUsers(_Answer):
    apps: list[VolumeUser]


class FileEntry(_Answer):
    path: str
    type: str
    mtime: int
    size: int


class FileEntries(_Answer):
    entries: list[FileEntry]
    next: str | None


class Existing(_Answer):
    existing: list[str]
