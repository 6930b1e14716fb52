"""What is in a Queue of the platform (docs/api.md), a function for each route. Items are bytes."""

from __future__ import annotations

import base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .calls import Calls

WAIT_MS_MAX = 25_000  # of one request
ANSWER_LIMIT_S = 60.0


def put(  # noqa: PLR0913 - a route's parameters
    calls: Calls, queue_id: str, partition: str, values: Sequence[bytes], *, ttl_ms: int, wait_ms: int = 0
) -> bool:  # fmt: skip
    """Whether there was room for all of them within `wait_ms` (at most 25 s); otherwise none was put."""
    told = [base64.b64encode(value).decode() for value in values]
    body = {"partition": partition, "values": told, "ttl_ms": ttl_ms, "wait_ms": min(wait_ms, WAIT_MS_MAX)}
    return bool(calls.call("POST", f"/queues/{queue_id}/put", body=body, timeout_s=ANSWER_LIMIT_S)["accepted"])


def get(calls: Calls, queue_id: str, partition: str, count: int, wait_ms: int = 0) -> list[bytes]:
    """Takes out up to `count`; none when there is none within `wait_ms` (at most 25 s)."""
    body = {"partition": partition, "count": count, "wait_ms": min(wait_ms, WAIT_MS_MAX)}
    found = calls.call("POST", f"/queues/{queue_id}/get", body=body, timeout_s=ANSWER_LIMIT_S)
    return [base64.b64decode(value) for value in found["values"]]


def peek(  # noqa: PLR0913 - a route's parameters
    calls: Calls, queue_id: str, partition: str, after: int, *, count: int, wait_ms: int = 0
) -> tuple[list[bytes], int]:  # fmt: skip
    """Up to `count` that came after `after`, which stay, and where the next ones begin."""
    body = {"partition": partition, "after": after, "count": count, "wait_ms": min(wait_ms, WAIT_MS_MAX)}
    found = calls.call("POST", f"/queues/{queue_id}/peek", body=body, timeout_s=ANSWER_LIMIT_S)
    return [base64.b64decode(value) for value in found["values"]], int(found["after"])


def length(calls: Calls, queue_id: str, partition: str, *, total: bool) -> int:
    asked = calls.call("GET", f"/queues/{queue_id}/len", params={"partition": partition, "total": total})
    return int(asked["length"])


def clear(calls: Calls, queue_id: str, partition: str, *, everything: bool) -> None:
    calls.call("POST", f"/queues/{queue_id}/clear", body={"partition": partition, "everything": everything})
