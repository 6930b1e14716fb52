"""The hash chain over the records, as pure functions: who changes or removes a line is found out.

    hash(n) = sha256 over JSON [seq, at_ms, kind, body, actor, prev_hash],  prev_hash(n) = hash(n - 1),  prev_hash(1) = ""

It shows damage and careless edits. It is no signature: whoever can write the file can also write a new chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple


class Link(NamedTuple):
    """One record as it is stored. `body` is the JSON text itself, so that the hash never depends on how it is parsed."""

    seq: int
    at_ms: int
    kind: str
    body: str
    actor: str
    prev_hash: str
    hash: str


class Head(NamedTuple):
    """Where the chain ends."""

    seq: int = 0
    hash: str = ""

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        seq, _, digest = text.partition(":")
        return cls(int(seq), digest)


def link(head: Head, at_ms: int, kind: str, body: str, actor: str) -> Link:
    """The record that follows `head`."""
    seq = head.seq + 1
    return Link(seq, at_ms, kind, body, actor, head.hash, _hash(seq, at_ms, kind, body, actor, head.hash))


def first_break(links: Iterable[Link], head: Head) -> str | None:
    """What is wrong with the first bad or missing record, in words; None if all are whole up to `head`."""
    last = Head()
    for found in links:
        if found.seq != last.seq + 1:
            return f"record {last.seq + 1} is missing"
        if found.prev_hash != last.hash:
            return f"record {found.seq} ({found.kind}) does not follow record {last.seq}"
        if found.hash != _hash(*found[:-1]):
            return f"record {found.seq} ({found.kind}) was changed after it was written"
        last = Head(found.seq, found.hash)
    if last.seq < head.seq:
        return f"record {last.seq + 1} is missing"
    if last != head:
        return f"record {last.seq} is not the one that was written last"
    return None


def _hash(*parts: str | int) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()
