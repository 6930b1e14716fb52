"""What is in a Dict of the platform (docs/api.md), a function for each route. Keys and values are bytes."""

from __future__ import annotations

import base64
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .calls import Calls

LARGE_BYTES = 4 << 20  # a larger value goes by itself, not within JSON
BATCH_BYTES = 16 << 20
PIECE_BYTES = 1 << 20


def get(calls: Calls, dict_id: str, key: bytes) -> bytes | None:
    """None when there is no such key."""
    found = calls.call("POST", f"/dicts/{dict_id}/get", body={"key": _text(key)})
    if found.get("large"):
        return b"".join(calls.receive(f"/dicts/{dict_id}/content", params={"key": _text(key)}))
    return base64.b64decode(found["value"]) if found["found"] else None


def put(calls: Calls, dict_id: str, entries: Sequence[tuple[bytes, bytes]], *, skip_if_exists: bool = False) -> int:
    """How many were written. All of them or none, unless they are too many bytes for one request."""
    written = 0
    for batch in _batches(entries):
        written += _put(calls, dict_id, batch, skip_if_exists=skip_if_exists)
    return written


def pop(calls: Calls, dict_id: str, key: bytes) -> bytes | None:
    found = calls.call("POST", f"/dicts/{dict_id}/pop", body={"key": _text(key)})
    return base64.b64decode(found["value"]) if found["found"] else None


def length(calls: Calls, dict_id: str) -> int:
    return int(calls.call("GET", f"/dicts/{dict_id}/len")["length"])


def entries(calls: Calls, dict_id: str) -> Iterator[tuple[bytes, bytes]]:
    """In order of their making; what changes meanwhile may be among them or not."""
    after: int | None = 0
    while after is not None:
        page = calls.call("GET", f"/dicts/{dict_id}/entries", params={"after": after})
        for key, value in page["entries"]:
            yield base64.b64decode(key), base64.b64decode(value)
        after = page["after"]


def clear(calls: Calls, dict_id: str) -> None:
    calls.call("POST", f"/dicts/{dict_id}/clear")


def _put(calls: Calls, dict_id: str, batch: list[tuple[bytes, bytes]], *, skip_if_exists: bool) -> int:
    upload = None
    if len(batch) == 1 and len(batch[0][1]) > LARGE_BYTES:
        key, value = batch[0]
        upload = os.urandom(16).hex()
        calls.send("PUT", f"/dicts/{dict_id}/uploads/{upload}", _pieces(value), len(value))
        batch = [(key, b"")]
    told = [(_text(key), _text(value)) for key, value in batch]
    body = {"entries": told, "skip_if_exists": skip_if_exists, "upload": upload}
    return int(calls.call("POST", f"/dicts/{dict_id}/put", body=body)["written"])


def _batches(entries: Sequence[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Large ones alone, the others as many as fit."""
    batch: list[tuple[bytes, bytes]] = []
    size = 0
    for key, value in entries:
        if len(value) > LARGE_BYTES:
            yield [(key, value)]
            continue
        size += len(key) + len(value)
        if batch and size > BATCH_BYTES:
            yield batch
            batch, size = [], len(key) + len(value)
        batch.append((key, value))
    if batch:
        yield batch


def _pieces(value: bytes) -> Iterator[bytes]:
    return (value[start : start + PIECE_BYTES] for start in range(0, len(value), PIECE_BYTES))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
