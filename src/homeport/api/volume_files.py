"""The files of a Volume, streamed both ways. Owns how paths and bytes come and go; `store.volume_tree` does the rest.

Everything that touches a disk runs in a thread, a piece at a time, so a large file takes neither memory nor the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from ..errors import InvalidError
from ..manifest import volume_paths
from ..store.volume_arrival import Arrival
from ..store.volume_tree import CHUNK_BYTES, Entry, Target, VolumeTree
from . import volume_models as models
from .context import PlatformHere

router = APIRouter(prefix="/volumes/{volume_id}", tags=["volumes"])

ENTRIES_MAX = 10_000
MODE_MAX = 0o777
BYTES: dict[str, Any] = {"content": {"application/octet-stream": {}}}

Path = Annotated[str, Query(description="In the Volume; `/a/b` and `a/b` are the same.")]


@router.get("/entries", response_model=models.FileEntries)
async def entries(  # noqa: PLR0913 - the parameters of a route
    volume_id: str,
    platform: PlatformHere,
    path: Path = "",
    *,
    recursive: bool = False,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=ENTRIES_MAX)] = 1_000,
) -> dict[str, Any]:
    """A page of what is in a folder, sorted by path; `next` is the `after` of the next page, null on the last one."""
    tree = platform.volumes.tree(volume_id)
    listed = tree.entries(_inside(path), recursive=recursive, after=_from_cursor(after))
    found = await asyncio.to_thread(lambda: list(islice(listed, limit + 1)))
    shown = [_line(entry) for entry in found[:limit]]
    return {"entries": shown, "next": _cursor(found[limit - 1]) if len(found) > limit else None}


@router.get("/content", response_class=StreamingResponse, responses={200: BYTES})
async def read(volume_id: str, platform: PlatformHere, path: Path) -> StreamingResponse:
    """The bytes of one file."""
    tree = platform.volumes.tree(volume_id)
    size_bytes, chunks = await asyncio.to_thread(tree.read, _inside(path))
    headers = {"Content-Length": str(size_bytes)}
    return StreamingResponse(_pieces(chunks), headers=headers, media_type="application/octet-stream")


@router.put("/content", status_code=204, openapi_extra={"requestBody": {"required": True, **BYTES}})
async def write(  # noqa: PLR0913 - the parameters of a route
    volume_id: str,
    request: Request,
    platform: PlatformHere,
    *,
    path: Path,
    force: bool = False,
    mode: Annotated[int, Query(ge=0, le=MODE_MAX, description="Permission bits, as a decimal number.")] = 0o644,
    sync: Annotated[bool, Query(description="False: durable at the next commit only.")] = True,
) -> None:
    """A whole file: under its name is the old one or the new one, never a part. Folders on the way are made."""
    tree = platform.volumes.tree(volume_id)
    target = Target(_inside(path), force, mode, sync)
    arrival = await asyncio.to_thread(tree.arrive, target)
    with arrival:
        await _receive(request, arrival)


@router.delete("/content", status_code=204)
async def remove(volume_id: str, platform: PlatformHere, path: Path, recursive: bool = False) -> None:
    """A file, or with `recursive` a folder with all that is in it."""
    tree: VolumeTree = platform.volumes.tree(volume_id)
    where = _inside(path)
    await asyncio.to_thread(lambda: tree.remove(where, recursive=recursive))


@router.post("/existing", response_model=models.Existing)
async def existing(volume_id: str, body: models.PathsRequest, platform: PlatformHere) -> dict[str, Any]:
    """Those of the paths where there is something."""
    tree = platform.volumes.tree(volume_id)
    return {"existing": await asyncio.to_thread(tree.existing, [_inside(path) for path in body.paths])}


@router.post("/copy", status_code=204)
async def copy(volume_id: str, body: models.CopyRequest, platform: PlatformHere) -> None:
    """Inside of one Volume, as `cp`."""
    tree = platform.volumes.tree(volume_id)
    sources, destination = [_inside(path) for path in body.sources], _inside(body.destination)

    def copied() -> None:
        tree.copy(sources, destination, recursive=body.recursive)
        platform.volumes.folders.sync()

    await asyncio.to_thread(copied)


@router.post("/commit", status_code=204)
async def commit(volume_id: str, platform: PlatformHere) -> None:
    """What was written until now is on disk when this returns."""
    platform.volumes.find(volume_id)
    await asyncio.to_thread(platform.volumes.folders.sync)


async def _receive(request: Request, arrival: Arrival) -> None:
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= CHUNK_BYTES:
            await asyncio.to_thread(arrival.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(arrival.write, bytes(waiting))
    await asyncio.to_thread(arrival.finish)


async def _pieces(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


def _inside(path: str) -> str:
    try:
        return volume_paths.inside(path)
    except ValueError as error:
        raise InvalidError(f"The path {path[:200]!r} {error}.") from None


def _cursor(entry: Entry) -> str:
    """A path as it is on disk, where it need not be text."""
    return base64.urlsafe_b64encode(os.fsencode(entry.path)).decode()


def _from_cursor(cursor: str) -> str:
    try:
        return os.fsdecode(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except ValueError:
        raise InvalidError("`after` has to be the `next` of an earlier page.") from None


def _line(entry: Entry) -> dict[str, Any]:
    """A name that is not text is shown by its bytes, and can only be reached from inside a container."""
    shown = entry.path.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return {"path": shown, "type": entry.kind, "mtime": entry.mtime_s, "size": entry.size_bytes}
