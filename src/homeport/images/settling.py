"""Steps that were done stay for the next try, also after a kill or a power loss. Owns the order: first what buildah wrote is
on disk (it does not see to that itself), then our index says that it is there.

buildah itself takes whatever layer its storage names for a whole one. So in each boot, what was not settled before goes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from pathlib import Path

from ..errors import Error
from ..runtime import durable
from . import recipe as recipes
from .index import Index
from .storage import Storage

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SOON_S = 5.0  # a sync writes what others have written, too, and most builds are over by then


class Settling:
    def __init__(self, storage: Storage, index: Index) -> None:
        self._storage = storage
        self._index = index
        self._waiting: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()

    async def begin(self, boot_file: Path, kept: Collection[str]) -> None:
        """To be called before anything is built. kept: ids of images that were settled, beside those that are linked."""
        async with self._beginning:
            boot = BOOT_ID.read_text().strip()
            if boot_file.is_file() and boot_file.read_text() == boot:
                return
            settled = {*kept, *self._index.links.values()}
            for image in sorted(self._storage.stored(), key=lambda each: -len(each.chain)):
                if image.image_id not in settled and not any(map(recipes.is_base, image.names)):
                    await self._storage.remove(image.image_id)
            durable.write(boot_file, boot.encode())

    def soon(self) -> None:
        """What is linked by now will be on disk in a while; nobody has to wait for it."""
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.create_task(self._in_a_while())

    async def now(self) -> None:
        """All that buildah wrote up to here is on disk when it returns. Raises PlatformError, OSError."""
        links = dict(self._index.links)
        await self._storage.sync()
        self._index.settle(links)

    async def hurry(self) -> None:
        """What was to be done soon is done; on a disk that is full, with the next build."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.cancel()
            self._waiting = None
            with contextlib.suppress(Error, OSError):
                await self.now()

    async def _in_a_while(self) -> None:
        await asyncio.sleep(SOON_S)
        with contextlib.suppress(Error, OSError):
            await self.now()
