"""Requests that survive the spawner: when it does not answer it is started again, and asked again. Bounded.

Only for requests that may be carried out twice, which all but `exec` are.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from ..spawner import wire
from .client import SpawnerClient, SpawnerUnreachableError
from .spawner_process import SpawnerProcess

PAUSES_S = (0.0, 0.2, 1.0)  # before each new attempt; after the last one it is given up

log = logging.getLogger(__name__)


class Link(Protocol):
    """What the engine needs of a spawner."""

    async def request(self, op: str, **fields: Any) -> wire.Message: ...

    async def close(self) -> None: ...


class SpawnerLink:
    """A spawner that is there when it is needed."""

    def __init__(self, data_dir: str) -> None:
        self.process = SpawnerProcess(data_dir)
        self.client = SpawnerClient(self.process.socket_path)
        self._restarting = asyncio.Lock()

    async def request(self, op: str, **fields: Any) -> wire.Message:
        """Raises SpawnerError when it says no; PlatformError when it can't be brought to answer."""
        for pause_s in PAUSES_S:
            try:
                return await self.client.request(op, **fields)
            except SpawnerUnreachableError as error:
                log.warning("%s; starting it if need be", error)
            await asyncio.sleep(pause_s)
            async with self._restarting:
                await self.process.ensure()
        return await self.client.request(op, **fields)

    async def close(self) -> None:
        """Disconnects. The spawner goes on."""
        await self.client.close()
