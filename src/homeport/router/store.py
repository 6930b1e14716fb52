"""The files a data plane boots from, kept current: written a moment after each change, or at once where it matters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import files, parse, recover, render
from .settings import RouterSettings
from .slots import SlotTable

DELAY_S = 0.15
RETRY_S = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """What the files say."""

    hosts: dict[str, str]
    tokens: dict[str, str]
    grants: dict[str, str]
    servers: tuple[parse.ConfigServer, ...]
    slots: int
    sessions: dict[str, str]


class FileStore:
    """`wish` gives the table, the tokens and the sessions to be written, `shape` the rest of the configuration."""

    def __init__(
        self,
        settings: RouterSettings,
        shape: Callable[[], render.Shape],
        wish: Callable[[], tuple[SlotTable, render.Tokens, Mapping[str, str]]],
    ) -> None:
        self._settings = settings
        self._shape = shape
        self._wish = wish
        self._due = asyncio.Event()
        self._lock = asyncio.Lock()

    def due(self) -> None:
        """Something changed; write soon."""
        self._due.set()

    async def run(self) -> None:
        """Write what is due, after a moment in which more may come."""
        while True:
            await self._due.wait()
            await asyncio.sleep(DELAY_S)
            try:
                await self.write()
            except OSError as error:
                log.error("the router's files can't be written: %s", error)
                await asyncio.sleep(RETRY_S)
                self._due.set()

    async def flush(self) -> None:
        if self._due.is_set():
            await self.write()

    async def write(self, reloaded: bool = False) -> None:
        """Write the files now. Raises OSError (disk full) with the old ones, which are complete, in place."""
        async with self._lock:
            self._due.clear()
            table, tokens, sessions = self._wish()
            shape, settings = self._shape(), self._settings
            texts = {  # the configuration first: a host may point at a server, never the other way round
                settings.sidecar_file: render.sidecar_config(shape),
                settings.config_file: render.config(shape, table.slots(), reloaded),
                settings.hosts_map: render.hosts_map(table.hosts()),
                settings.tokens_map: render.tokens_map(tokens),
                settings.grants_map: render.grants_map(tokens),
                settings.sessions_map: "".join(f"{key} {text}\n" for key, text in sessions.items()),
            }
            await asyncio.to_thread(lambda: [files.write_if_changed(path, text) for path, text in texts.items()])

    async def write_tokens(self) -> None:
        """Write the maps of tokens and grants now. Raises as `write`.

        What lets somebody in comes last: a restart between the two finds a token without its grants, never the opposite.
        """
        async with self._lock:
            _, tokens, _ = self._wish()
            texts = {
                self._settings.grants_map: render.grants_map(tokens),
                self._settings.tokens_map: render.tokens_map(tokens),
            }
            await asyncio.to_thread(lambda: [files.write_if_changed(path, text) for path, text in texts.items()])

    def read(self) -> Written:
        config = files.read(self._settings.config_file)
        return Written(
            recover.map_file(files.read(self._settings.hosts_map)),
            recover.map_file(files.read(self._settings.tokens_map)),
            recover.map_file(files.read(self._settings.grants_map)),
            parse.config_servers(config),
            config.count("\nbackend be"),
            recover.map_file(files.read(self._settings.sessions_map)),
        )
