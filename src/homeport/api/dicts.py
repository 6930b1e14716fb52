"""Dicts: what is in one. Large values come and go by themselves, so that no request has to be held in memory whole."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from ..errors import InvalidError, NotFoundError
from ..store.objects import Kind
from . import object_models as models
from .context import PlatformHere
from .objects import Within, decoded, encoded, router_of

router = router_of(Kind.DICT)

LARGE_BYTES = 4 << 20  # beyond it a value is not told within JSON


@router.post("/{object_id}/get", response_model=models.Value)
async def get(object_id: str, body: models.KeyRequest, platform: PlatformHere, within: Within) -> dict[str, Any]:
    row = platform.objects.get(Kind.DICT, object_id, within)
    value = await platform.dicts.get(row, decoded(body.key, "key"))
    if value is None:
        return {"found": False}
    return {"found": True, "large": True} if len(value) > LARGE_BYTES else {"found": True, "value": encoded(value)}


@router.get("/{object_id}/content", response_class=Response)
async def content(
    object_id: str, key: Annotated[str, Query(description="In base64.")], platform: PlatformHere, within: Within
) -> Response:
    """The raw value. 404 when there is none."""
    value = await platform.dicts.get(platform.objects.get(Kind.DICT, object_id, within), decoded(key, "key"))
    if value is None:
        raise NotFoundError("There is no such key in the Dict (any more).")
    return Response(value, media_type="application/octet-stream")


@router.put(
    "/{object_id}/uploads/{upload}",
    status_code=204,
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
)
async def upload(object_id: str, upload: str, request: Request, platform: PlatformHere, within: Within) -> None:
    """A large value, to be named by `put`. `upload` is 32 hex digits of the client's choice."""
    platform.objects.get(Kind.DICT, object_id, within)
    await platform.dicts.upload(upload, request.stream())


@router.post("/{object_id}/put", response_model=models.Written)
async def put(object_id: str, body: models.DictPut, platform: PlatformHere, within: Within) -> dict[str, Any]:
    """All entries or none."""
    row = platform.objects.get(Kind.DICT, object_id, within)
    skip = body.skip_if_exists
    if body.upload is None:
        entries = [(decoded(key, "key"), decoded(value, "value")) for key, value in body.entries]
        return {"written": await platform.dicts.put(row, entries, skip_existing=skip)}
    if len(body.entries) != 1:
        raise InvalidError("An upload is the value of one entry.")
    key = decoded(body.entries[0][0], "key")
    return {"written": await platform.dicts.put_uploaded(row, key, body.upload, skip_existing=skip)}


@router.post("/{object_id}/pop", response_model=models.Value)
async def pop(object_id: str, body: models.KeyRequest, platform: PlatformHere, within: Within) -> dict[str, Any]:
    """The value, which is in the Dict no more."""
    row = platform.objects.get(Kind.DICT, object_id, within)
    value = await platform.dicts.pop(row, decoded(body.key, "key"))
    return {"found": value is not None, "value": None if value is None else encoded(value)}


@router.get("/{object_id}/len", response_model=models.Length)
async def length(object_id: str, platform: PlatformHere, within: Within) -> dict[str, Any]:
    """At most 100,000."""
    return {"length": await platform.dicts.length(platform.objects.get(Kind.DICT, object_id, within))}


@router.get("/{object_id}/entries", response_model=models.DictPage)
async def entries(object_id: str, platform: PlatformHere, within: Within, after: int = 0) -> dict[str, Any]:
    """Some MiB of them; `after` of the answer asks for more, until it is null."""
    page = await platform.dicts.page(platform.objects.get(Kind.DICT, object_id, within), after)
    return {"entries": [(encoded(key), encoded(value)) for key, value in page.entries], "after": page.after}


@router.post("/{object_id}/clear", status_code=204)
async def clear(object_id: str, platform: PlatformHere, within: Within) -> None:
    await platform.dicts.clear(platform.objects.get(Kind.DICT, object_id, within))
