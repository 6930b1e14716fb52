"""Many small blobs in one body, as they go over the wire. Owns the form; does not know what they are, or whether whole.

for each: 32 bytes sha256 | 8 bytes size, the highest first | content
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

HEAD = struct.Struct(">32sQ")
BLOBS_MAX = 4096


def pack(contents: Iterable[tuple[str, bytes]]) -> bytes:
    """From digests in hex and contents."""
    return b"".join(
        part for digest, content in contents for part in (HEAD.pack(bytes.fromhex(digest), len(content)), content)
    )


def unpack(body: bytes) -> list[tuple[str, bytes]]:
    """Raises ValueError saying what is wrong with `body`."""
    found: list[tuple[str, bytes]] = []
    at = 0
    while at < len(body):
        if len(found) == BLOBS_MAX:
            raise ValueError(f"it has more than {BLOBS_MAX}")
        if at + HEAD.size > len(body):
            raise ValueError(f"it ends in the middle of a head, at byte {at}")
        digest, size_bytes = HEAD.unpack_from(body, at)
        at += HEAD.size
        if at + size_bytes > len(body):
            raise ValueError(f"the content at byte {at} should have {size_bytes} bytes, and there are {len(body) - at}")
        found.append((digest.hex(), body[at : at + size_bytes]))
        at += size_bytes
    return found
