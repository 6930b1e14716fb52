"""What the data plane says, as values: replies of its Runtime API turned into frozen dataclasses. Pure text work."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORCED_MAINTENANCE = 0x01
_RESYNC_OVER = 0x03  # from the local peer and from remote ones
_PEERS_LINE = re.compile(r" id=homeport disabled=0 flags=0x([0-9a-f]+) ")
_SERVER_LINE = re.compile(r"^ +server (?P<name>\S+) (?P<address>\S+) id (?P<id>\d+)(?P<rest>.*)$")


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One row of `show servers state`."""

    slot: str
    name: str
    server_id: int
    address: str
    maintenance: bool


@dataclass(frozen=True, slots=True)
class ConnRow:
    """One row of `show servers conn`: connections in use, which for HTTP/1 containers are the requests in flight."""

    slot: str
    name: str
    in_use: int


@dataclass(frozen=True, slots=True)
class StatRow:
    """One server of `show stat`: `current` counts requests, also the streams of an HTTP/2 connection."""

    slot: str
    name: str
    server_id: int
    current: int
    maintenance: bool


@dataclass(frozen=True, slots=True)
class Processes:
    """`show proc`: the worker that accepts connections (None while there is none), and those that only finish theirs."""

    master: int | None
    worker: int | None
    old: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ConfigServer:
    """A server line of haproxy.cfg."""

    slot: str
    row: ServerRow
    h2: bool
    max_concurrency: int


def servers_state(text: str) -> tuple[ServerRow, ...]:
    rows = []
    for line in text.splitlines():
        f = line.split()
        if len(f) > 18 and f[0].isdigit():
            rows.append(ServerRow(f[1], f[3], int(f[2]), f"{f[4]}:{f[18]}", bool(int(f[6]) & _FORCED_MAINTENANCE)))
    return tuple(rows)


def servers_conn(text: str) -> tuple[ConnRow, ...]:
    rows = []
    for line in text.splitlines():
        f = line.split(None, 7)
        if len(f) == 8 and "/" in f[0] and f[6].isdigit():
            slot, _, name = f[0].partition("/")
            rows.append(ConnRow(slot, name, int(f[6])))
    return tuple(rows)


def stat(text: str) -> tuple[StatRow, ...]:
    """Rows of servers only; the columns are found by the heading, so a newer release may add some."""
    lines = text.splitlines()
    heading = next((line for line in lines if line.startswith("# ")), "")
    column = {name: index for index, name in enumerate(heading[2:].split(","))}
    if not {"pxname", "svname", "scur", "sid", "status"} <= column.keys():
        return ()
    rows = []
    for line in lines:
        f = line.split(",")
        if len(f) < len(column) - 1 or line.startswith("#") or f[column["svname"]] in ("BACKEND", "FRONTEND"):
            continue
        slot, name, server_id, current = (f[column[key]] for key in ("pxname", "svname", "sid", "scur"))
        rows.append(StatRow(slot, name, int(server_id), int(current or 0), f[column["status"]].startswith("MAINT")))
    return tuple(rows)


def table_map(text: str) -> dict[str, str]:
    """`show map`: key -> value. A key that is there twice is reported with its first value, the one that is used."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        f = line.split(" ", 2)
        if len(f) == 3 and f[0].startswith("0x"):
            found.setdefault(f[1], f[2])
    return found


def processes(text: str) -> Processes:
    master: int | None = None
    current: int | None = None
    old: list[int] = []
    section = ""
    for line in text.splitlines():
        f = line.split()
        if line.startswith("#"):
            section = line
        elif len(f) > 1 and f[0].isdigit():
            if f[1] == "master":
                master = int(f[0])
            elif f[1] == "worker" and "old" in section:
                old.append(int(f[0]))
            elif f[1] == "worker":
                current = int(f[0])
    return Processes(master, current, tuple(old))


def backends(text: str) -> frozenset[str]:
    """`show backend`."""
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def info(text: str) -> dict[str, str]:
    """`show info` and `show env`: lines of `Name: value` or `NAME=value`."""
    found = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=") if "=" in line.split(":", 1)[0] else line.partition(":")
        if separator:
            found[name.strip()] = value.strip()
    return found


def table_used(text: str) -> int:
    """How many entries the table of affinity keys has, by the headings of `show table`, which has one for each table."""
    found = re.search(r"table: homeport/sessions,.* used:(\d+)", text)
    return int(found[1]) if found else 0


def peers_ready(text: str) -> bool:
    """Whether the worker's own first resync is over: before that it teaches its sessions to nobody (HAProxy up to 2.8)."""
    found = _PEERS_LINE.search(text)
    return found is not None and int(found[1], 16) & _RESYNC_OVER == _RESYNC_OVER


def error(reply: str) -> str:
    """The first line with a severity of error or worse, or nothing; warnings also tell of what was done.

    Sessions run with `set severity-output number`.
    """
    for line in reply.splitlines():
        if len(line) > 3 and line[0] == "[" and line[2:4] == "]:" and line[1] in "0123":
            return line[4:].strip()
    return ""


def config_servers(text: str) -> tuple[ConfigServer, ...]:
    """The server lines of a configuration we wrote; what the Runtime API does not tell about them is only there."""
    found, slot = [], ""
    for line in text.splitlines():
        if line.startswith("backend "):
            slot = line.split()[1]
        elif slot and (match := _SERVER_LINE.match(line)):
            rest = match["rest"].split()
            limit = int(rest[rest.index("maxconn") + 1]) if "maxconn" in rest else 0
            row = ServerRow(slot, match["name"], int(match["id"]), match["address"], "disabled" in rest)
            found.append(ConfigServer(slot, row, "proto" in rest, limit))
    return tuple(found)
