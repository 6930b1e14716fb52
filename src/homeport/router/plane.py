"""The running data plane: its live worker, and old ones that only finish what they have (after a reload).

Asks and tells; it keeps no wish of its own. Every method raises DataPlaneError while HAProxy can't be reached.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from . import parse
from .admin import CONNECT_PATIENCE_S, DataPlaneError, Session, ask_master
from .commands import Command, Observed
from .process import ProcessId
from .settings import RouterSettings
from .slots import Server, Slot

MASTER_PATIENCE_S = 1.0  # it never answers for a worker that ends just then, nor while it executes itself again
MASTER_ATTEMPTS = 10
RELOAD_S_MAX = 15.0
TEACHING_S_MAX = 15.0
CONFIG_VARIABLE = "HOMEPORT_CONFIG"


class DataPlane:
    def __init__(self, settings: RouterSettings) -> None:
        self._settings = settings
        self._changes = Session(settings.admin_socket)
        self._polls = Session(settings.admin_socket)  # polling never waits behind changes
        self.old: tuple[int, ...] = ()

    async def live(self, patience_s: float = CONNECT_PATIENCE_S) -> tuple[int, str]:
        """(pid of the live worker, digest of the configuration it runs on)."""
        said, env = await self._changes.run(["show info", f"show env {CONFIG_VARIABLE}"], patience_s)
        info = parse.info(said)
        if info.get("Stopping") == "1":
            self.close()
            raise DataPlaneError("HAProxy's worker is stopping; another one takes over.")
        return int(info.get("Pid", "0")), parse.info(env).get(CONFIG_VARIABLE, "")

    async def processes(self) -> parse.Processes:
        found = parse.processes(await self._said_by_master())
        self.old = found.old
        return found

    async def observed(self, slots: Sequence[str]) -> Observed:
        """What the live worker holds of these slots, and its host map."""
        lines = [f"show map {self._settings.hosts_map}", *(f"show servers state {name}" for name in slots)]
        hosts, *states = await self._changes.run(lines)
        known = [(name, text) for name, text in zip(slots, states, strict=True) if not parse.error(text)]
        rows = {(row.slot, row.name): row for _, text in known for row in parse.servers_state(text)}
        return Observed(parse.table_map(hosts), rows, frozenset(name for name, _ in known))

    async def observed_all(self, pid: int | None = None) -> Observed:
        """Everything that the live worker, or the old worker `pid`, holds."""
        lines = [f"show map {self._settings.hosts_map}", "show servers state", "show backend"]
        hosts, states, backends = await self._ask(lines, pid)
        rows = {(row.slot, row.name): row for row in parse.servers_state(states)}
        return Observed(parse.table_map(hosts), rows, parse.backends(backends))

    async def map_of(self, file: str) -> dict[str, str]:
        return parse.table_map((await self._changes.run([f"show map {file}"]))[0])

    async def table_texts(self, name: str) -> list[str]:
        """What every worker has in this table."""
        texts = await self._polls.run([f"show table {name}"])
        return texts + [(await self._old_or_nothing([f"show table {name}"], pid))[0] for pid in self.old]

    async def token_maps(self, pid: int | None = None) -> tuple[dict[str, str], dict[str, str]]:
        """Those of the live worker, or of the old worker `pid`."""
        lines = [f"show map {self._settings.tokens_map}", f"show map {self._settings.grants_map}"]
        tokens, grants = await self._ask(lines, pid)
        return parse.table_map(tokens), parse.table_map(grants)

    async def send(self, commands: Sequence[Command], pid: int | None = None) -> None:
        """Carry them out in order. Raises DataPlaneError with the first refusal that matters, after all were sent."""
        replies = await self._ask([command.text for command in commands], pid)
        for command, reply in zip(commands, replies, strict=True):
            refusal = parse.error(reply)
            if refusal and not command.may_fail:
                raise DataPlaneError(f"HAProxy refused {command.text.split(' check ')[0]!r}: {refusal}")

    async def info(self) -> dict[str, int]:
        """The numbers of `show info`, of the live worker."""
        (said,) = await self._polls.run(["show info"])
        return {name: int(value) for name, value in parse.info(said).items() if value.isdecimal()}

    async def in_flight(self, h2_slots: Iterable[str]) -> dict[str, int]:
        """Requests in flight by container, over all workers. HTTP/1 by connections (cheap), HTTP/2 by streams."""
        lines = ["show servers conn", *(f"show stat {slot} 4 -1" for slot in sorted(h2_slots))]
        replies = [await self._polls.run(lines)]
        replies += [await self._old_or_nothing(lines, pid) for pid in self.old]
        total: Counter[str] = Counter()
        for conns, *stats in replies:
            counts = {(row.slot, row.name): row.in_use for row in parse.servers_conn(conns)}
            counts |= {(row.slot, row.name): row.current for text in stats for row in parse.stat(text)}
            for (_, name), count in counts.items():
                total[name] += count
        return dict(total)

    async def draining(self, servers: Sequence[tuple[Slot, Server]]) -> dict[str, int]:
        """Requests in flight by container, for those that get no new ones any more in the live worker."""
        lines = [f"show stat {slot.name} 4 {server.server_id}" for slot, server in servers]
        rows = [row for text in await self._polls.run(lines) for row in parse.stat(text)]
        open_still = {row.name for row in rows if not row.maintenance}
        for pid in self.old:
            rows += [row for text in await self._old_or_nothing(lines, pid) for row in parse.stat(text)]
        counts = {row.name: 0 for row in rows if row.name not in open_still}
        for row in rows:
            if row.name in counts:
                counts[row.name] += row.current
        return counts

    async def reload(self) -> None:
        """Let a new worker take over from current files, without a lost request. Old workers finish what they have."""
        await self._wait_for_teaching()
        before = (await self.processes()).worker
        asked = asyncio.create_task(self._ask_for_reload())
        try:
            deadline = time.monotonic() + RELOAD_S_MAX
            while time.monotonic() < deadline:
                if asked.done() and "Success=0" in asked.result():
                    why = _last_line(asked.result())
                    raise DataPlaneError(f"HAProxy refused the new configuration and keeps the old one: {why}")
                if await self._took_over(before):
                    return
                await asyncio.sleep(0.01)
        finally:
            asked.cancel()
        raise DataPlaneError(f"HAProxy did not follow a reload within {RELOAD_S_MAX:.0f} s; the old configuration serves.")

    def close(self) -> None:
        self._changes.close()
        self._polls.close()

    async def _ask_for_reload(self) -> str:
        """The answer may get lost, as the master executes itself anew; what counts is the worker that follows."""
        try:
            return await ask_master(self._settings.master_socket, "reload")
        except DataPlaneError:
            return ""

    async def _took_over(self, before: int | None) -> bool:
        try:
            worker = (await self.processes()).worker
            if worker is None or worker == before:
                return False
            self.close()
            return (await self.live())[0] == worker
        except DataPlaneError:
            return False

    async def _wait_for_teaching(self) -> None:
        """A worker teaches its sessions only after its own first resync is over, up to 7 s after a cold start."""
        deadline = time.monotonic() + TEACHING_S_MAX
        while time.monotonic() < deadline:
            tables, peers = await self._changes.run(["show table", "show peers"])
            if not parse.table_used(tables) or parse.peers_ready(peers):
                return
            await asyncio.sleep(0.1)

    async def _said_by_master(self) -> str:
        """On another connection where it does not answer for a while: a busy machine is no reason to give a change up."""
        for _ in range(MASTER_ATTEMPTS - 1):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MASTER_PATIENCE_S):
                    return await ask_master(self._settings.master_socket, "show proc")
        return await ask_master(self._settings.master_socket, "show proc", MASTER_PATIENCE_S)

    async def _ask(self, lines: Sequence[str], pid: int | None) -> list[str]:
        if pid is None:
            return await self._changes.run(lines)
        return [await self._ask_old(line, pid) for line in lines]

    async def _ask_old(self, line: str, pid: int) -> str:
        """Waits for as long as that worker is there."""
        asking = asyncio.create_task(ask_master(self._settings.master_socket, f"@!{pid} {line}"))
        try:
            while not (await asyncio.wait({asking}, timeout=MASTER_PATIENCE_S))[0]:
                if ProcessId.of(pid) is None:
                    raise DataPlaneError(f"HAProxy's master does not answer for its worker {pid}, which has ended.")
            return asking.result()
        finally:
            asking.cancel()

    async def _old_or_nothing(self, lines: Sequence[str], pid: int) -> list[str]:
        """An old worker may end at any moment; then nothing of it is in flight any more."""
        try:
            return await self._ask(lines, pid)
        except DataPlaneError:
            if pid in (await self.processes()).old:
                raise
            return [""] * len(lines)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if "[ALERT]" in line] or text.splitlines() or [""]
    return lines[-1].strip()
