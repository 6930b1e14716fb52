"""Uploads (docs/api.md), a function for each route. Knows digests and bytes, and no files."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .calls import Calls

DIGESTS_AT_ONCE = 100_000


def missing(calls: Calls, digests: Iterable[str]) -> list[str]:
    """Those whose content the platform does not have."""
    asked = list(digests)
    batches = [asked[start : start + DIGESTS_AT_ONCE] for start in range(0, len(asked), DIGESTS_AT_ONCE)]
    answers = [calls.call("POST", "/blobs/missing", body={"digests": batch}) for batch in batches]
    return [str(digest) for answer in answers for digest in answer["missing"]]


def put_all(calls: Calls, framed: bytes) -> None:
    """Several at once, as `manifest.frames` packs them. Raises ResourceExhaustedError when the platform's disk is full."""
    calls.send("POST", "/blobs/batch", iter((framed,)), len(framed))


def offset(calls: Calls, digest: str) -> int:
    """How many bytes of it are there already, from an upload that broke off."""
    return int(calls.call("GET", f"/blobs/{digest}")["offset"])


def put(calls: Calls, digest: str, content: Iterator[bytes], size_bytes: int, at: int | None) -> None:
    """`size_bytes` bytes of content. at: the byte where they begin, and the upload can be continued; None: all of it.

    Raises ConflictError where it can't go on at that byte, or somebody else uploads the same at this moment.
    """
    calls.send("PUT", f"/blobs/{digest}", content, size_bytes, params={"offset": at})
