"""From desired and observed to Runtime API lines. Nothing differs: no lines.

Order is the point. `additions` first: new servers and new hosts. Only when the data plane has accepted them, `removals`:
hosts that are gone, servers that drain or leave. A request that comes in between always finds a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .parse import ServerRow
from .render import Tokens, grants, server_words
from .slots import NO_SLOT, HostEntry, Server, ServerState, Slot

NOWHERE = "addr 127.0.0.1 port 9"


@dataclass(frozen=True, slots=True)
class Command:
    """One line. `may_fail`: the answer decides nothing, the next look at the data plane does."""

    text: str
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """What a worker holds: the host map, its server lines by slot and name, and the slots it has."""

    hosts: Mapping[str, str]
    servers: Mapping[tuple[str, str], ServerRow]
    slots: frozenset[str]


def additions(slots: Iterable[Slot], observed: Observed) -> list[Command]:
    """Lines that add servers and bring back those that shall serve (again)."""
    lines: list[Command] = []
    for slot in slots:
        if slot.name in observed.slots:
            for server in slot.servers.values():
                lines += _server_up(slot.name, server, observed.servers.get((slot.name, server.container_id)))
    return lines


def removals(slots: Iterable[Slot], observed: Observed) -> list[Command]:
    """Lines that stop new requests to servers that drain, leave, or are not known at all."""
    lines: list[Command] = []
    for slot in slots:
        rows = [row for (name, _), row in observed.servers.items() if name == slot.name]
        for row in rows:
            server = slot.servers.get(row.name)
            if server is None or server.state is ServerState.LEAVING:
                lines += _server_out(row)
            elif server.state is ServerState.DRAINING and not row.maintenance:
                lines += _maintenance(row)
    return lines


def host_changes(map_file: str, wanted: Mapping[str, HostEntry], observed: Observed) -> tuple[list[Command], list[Command]]:
    """(lines that add or change hosts, lines that take hosts away). A host whose slot a worker lacks is left as it is."""
    known = {host: entry for host, entry in wanted.items() if entry.slot in observed.slots or entry.slot == NO_SLOT}
    changed = map_changes(map_file, {host: entry.text for host, entry in known.items()}, observed.hosts)
    gone = [Command(f"del map {map_file} {host}", True) for host in sorted(observed.hosts) if host not in wanted]
    return changed, gone


def token_changes(
    files: tuple[str, str], tokens: Tokens, observed: tuple[Mapping[str, str], Mapping[str, str]]
) -> list[Command]:
    """Lines for the maps of tokens and of grants. Grants come before the token that needs them, and go after it."""
    tokens_file, grants_file = files
    wanted_tokens = {key: token_id for key, (token_id, _) in tokens.items()}
    wanted_grants = grants(tokens)
    lines = map_changes(grants_file, wanted_grants, observed[1]) + map_changes(tokens_file, wanted_tokens, observed[0])
    lines += [Command(f"del map {tokens_file} {key}", True) for key in sorted(observed[0]) if key not in wanted_tokens]
    lines += [Command(f"del map {grants_file} {key}", True) for key in sorted(observed[1]) if key not in wanted_grants]
    return lines


def map_changes(map_file: str, wanted: Mapping[str, str], observed: Mapping[str, str]) -> list[Command]:
    return [
        Command(f"{'set' if key in observed else 'add'} map {map_file} {key} {value}")
        for key, value in sorted(wanted.items())
        if observed.get(key) != value
    ]


def limit_changes(slots: Iterable[Slot], before: Mapping[str, int]) -> list[Command]:
    """Lines for servers whose limit is not the one it was (by container id); the data plane does not show it."""
    return [
        Command(f"set maxconn server {slot.name}/{server.container_id} {server.max_concurrency}", True)
        for slot in slots
        for server in slot.servers.values()
        if before.get(server.container_id, server.max_concurrency) != server.max_concurrency
    ]


def _server_up(slot: str, server: Server, row: ServerRow | None) -> list[Command]:
    name = f"{slot}/{server.container_id}"
    if server.state is ServerState.LEAVING:
        return []
    if row is None:
        lines = [Command(f"add server {slot}/{server_words(server)}"), Command(f"enable health {name}")]
        return lines + ([Command(f"enable server {name}")] if server.state is ServerState.SERVING else [])
    lines = []
    if row.address != server.address:
        address, _, port = server.address.rpartition(":")
        lines.append(Command(f"set server {name} addr {address} port {port}"))
    if server.state is ServerState.SERVING and row.maintenance:
        lines.append(Command(f"set server {name} state ready"))
    return lines


def _maintenance(row: ServerRow) -> list[Command]:
    """`maint`, not `drain`: in drain requests of known sessions keep coming. Its sessions are placed anew by load."""
    return [
        Command(f"set server {row.slot}/{row.name} state maint", True),
        Command(f"clear table homeport/sessions data.server_id eq {row.server_id}", True),
    ]


def _server_out(row: ServerRow) -> list[Command]:
    """A server with idle pooled connections can't be deleted; a change of its address empties the pool at once."""
    name = f"{row.slot}/{row.name}"
    stop = [] if row.maintenance else _maintenance(row)
    return [
        *stop,
        Command(f"shutdown sessions server {name}", True),
        Command(f"set server {name} {NOWHERE}", True),
        Command(f"del server {name}", True),
    ]
