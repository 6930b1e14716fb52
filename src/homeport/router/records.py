"""One line per request, as a value. Pure; the order of the fields is that of `template.LOG_FORMAT`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import unquote

from .sessiontext import LOBBY_SERVER, START
from .slots import HostEntry

_FIELDS = 19
_REFUSED = "LR"  # what HAProxy says of an answer that our rules gave
BAD_REQUEST = "<BADREQ>"  # no request line that could be read
EMPTY = "empty"  # `why` of a request that found no container: demand
LOBBY = "lobby"  # of one that began or ended a session: the control plane answered, not the Server


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A finished request; `at_ms` is when its first byte came.

    Times are milliseconds, -1 where a phase was not reached; sizes are bytes.
    `why` tells what refused it: nohost, stopped, auth, env, session, empty, full; nothing for a request that was
    carried. `lobby` is none of a Server's: it begins or ends a session, at the control plane.
    `termination` is HAProxy's two letters (`--` for a normal end).
    """

    at_ms: int
    host: str
    method: str
    path: str
    status: int
    app_id: str
    service_id: str
    environment: str
    container_id: str
    token_id: str
    why: str
    receive_ms: int
    queue_ms: int
    connect_ms: int
    response_ms: int
    total_ms: int
    bytes_up: int
    bytes_down: int
    termination: str
    protocol: str
    client: str


def parse(line: bytes) -> RequestRecord | None:
    """None for a line that is not one of ours (HAProxy's own notices come over the same ring)."""
    f = line.decode(errors="replace").rstrip("\n").split("\t")
    if len(f) != _FIELDS:
        return None
    try:
        route = HostEntry.parse(f[1])
        seconds, _, millis = f[0].partition(".")
        status, path = int(f[3]), _request(f[16])
        return RequestRecord(
            # a kept connection's clock starts at its last answer; what it was idle since then is not the request's
            at_ms=int(seconds) * 1000 + int(millis) + max(0, int(f[18])),
            host=_text(f[15]),
            method=_request(f[14]),
            path=path,
            status=status,
            app_id=route.app_id if route else "",
            service_id=route.service_id if route else "",
            environment=route.environment if route else "",
            container_id="" if f[2] in ("<NOSRV>", LOBBY_SERVER) else f[2],
            token_id=_dash(f[12]),
            why=LOBBY if f[2] == LOBBY_SERVER else _why(status, f[11], route, path),
            receive_ms=int(f[4]),
            queue_ms=int(f[5]),
            connect_ms=int(f[6]),
            response_ms=int(f[7]),
            total_ms=int(f[8].lstrip("+")),
            bytes_up=int(f[9].lstrip("+")),
            bytes_down=int(f[10].lstrip("+")),
            termination=f[11],
            protocol=f[13],
            client=f[17],
        )
    except ValueError:
        return None


def _why(status: int, termination: str, route: HostEntry | None, path: str) -> str:
    """The rules of `template` that refuse, told apart by their status: to note it in each would cost every request."""
    if termination != _REFUSED:
        return ""
    if status == 404:
        return "stopped" if route else "nohost"
    if status == 401:
        return "session" if route and route.sessioned and path != START else "auth"
    return {403: "env", 429: "full", 503: EMPTY}.get(status, "")


def _dash(field: str) -> str:
    return "" if field == "-" else field


def _request(field: str) -> str:
    """A part of the request line. HAProxy writes what can't stand in a log as `#` and its byte in hex."""
    if field == BAD_REQUEST:
        return ""
    return unquote(field.replace("%", "%25").replace("#", "%")) if "#" in field else field


def _text(field: str) -> str:
    """Undo `json(utf8s)`; a dash is what HAProxy writes for nothing."""
    if field == "-":
        return ""
    return str(json.loads(f'"{field}"')) if "\\" in field else field
