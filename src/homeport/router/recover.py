"""What a data plane serves that outlived its control plane, as a table again: from its own words, else from its files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from .parse import ConfigServer, ServerRow
from .render import Tokens
from .slots import HostEntry, Server, ServerState, SlotTable


def table(hosts: Mapping[str, str], rows: Iterable[ServerRow], written: Iterable[ConfigServer], size: int) -> SlotTable:
    """The table that stands behind a host map and server lines. `written` adds what the Runtime API does not tell."""
    entries = {host: entry for host, text in hosts.items() if (entry := HostEntry.parse(text)) is not None}
    lines = {(server.slot, server.row.name): server for server in written}
    by_slot: defaultdict[str, list[ServerRow]] = defaultdict(list)
    found = SlotTable(size)
    for row in rows:
        by_slot[row.slot].append(row)
        found.reserve_ids(row.server_id)
    for host, entry in sorted(entries.items()):
        servers = [_server(row, entry, lines.get((row.slot, row.name))) for row in by_slot.get(entry.slot, ())]
        found.adopt(host, entry, servers)
    return found


def tokens(tokens_map: Mapping[str, str], grants_map: Iterable[str]) -> Tokens:
    """Tokens from their two maps."""
    environments: defaultdict[str, list[str]] = defaultdict(list)
    for grant in grants_map:
        key, _, environment = grant.partition("|")
        environments[key].append(environment)
    return {key: (token_id, tuple(sorted(environments[key]))) for key, token_id in tokens_map.items()}


def map_file(text: str) -> dict[str, str]:
    """A map file: `key value` per line."""
    pairs = (line.partition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {key: value for key, _, value in pairs}


def _server(row: ServerRow, entry: HostEntry, line: ConfigServer | None) -> Server:
    state = ServerState.DRAINING if row.maintenance else ServerState.SERVING
    h2, limit = (line.h2, line.max_concurrency) if line else (entry.h2, entry.max_concurrency)
    return Server(row.name, row.address, row.server_id, h2, limit, state)
