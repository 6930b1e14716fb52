"""Containers with ten Volumes, and with ten attached folders: from `StartContainer` to the first 200, beside one without,
all through the real preparation, engine, spawner and guest, in turn.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace
from pathlib import Path

import cold_start
import machine
from report import Figure, Measured, Target

from homeport.core import ids
from homeport.daemon.compose import Opened
from homeport.manifest.schema import AppManifest, TreeMount, VolumeMount
from homeport.manifest.tree import File, Tree
from homeport.store import records

MOUNTS = 10
TARGET = Target(1.1)
TAG = "bench1"
WITHOUT = "Inside"
KINDS = {f"container with {MOUNTS} Volumes": "Volumes", f"container with {MOUNTS} attached folders": "Folders"}


def measure(work: Path, rounds: int) -> Measured:
    """One figure per kind of mount. Needs root, crun and buildah."""
    ours, without = asyncio.run(_measure(work, rounds))
    title = [(f"cold start: {name}", "ms", "the same without") for name in KINDS]
    return Measured([Figure.of(each, took, without, TARGET) for each, took in zip(title, ours.values(), strict=True)])


async def _measure(work: Path, rounds: int) -> tuple[dict[str, list[float]], list[float]]:
    ours: dict[str, list[float]] = {server: [] for server in KINDS.values()}
    without: list[float] = []
    async with cold_start.opened(work / "data", work, _with_mounts) as bench:
        for number in range(rounds + 1):
            await asyncio.to_thread(machine.wait_until_quiet)
            plain = await bench.cold_start_ms(WITHOUT)
            each = {server: await bench.cold_start_ms(server) for server in ours}
            if number:  # the first one warms the caches up for all
                without.append(plain)
                for server, took_ms in each.items():
                    ours[server].append(took_ms)
    return ours, without


def _with_mounts(manifest: AppManifest, kept: Opened) -> AppManifest:
    """Two more Servers of the same class."""
    plain = next(server for server in manifest.servers if server.name == WITHOUT)
    volumes = replace(plain, name="Volumes", volumes=_volumes(kept))
    folders = replace(plain, name="Folders", mounts=_folders(kept))
    return replace(manifest, servers=(*manifest.servers, volumes, folders))


def _volumes(kept: Opened) -> tuple[VolumeMount, ...]:
    made = []
    for number in range(MOUNTS):
        volume_id = ids.volume_id(TAG, number + 1)
        kept.volumes.folders.make(volume_id)
        record = records.volume_created(volume_id, f"data{number}", "main", "bench")
        kept.journal.append(time.time_ns() // 1_000_000, [record], [], (TAG, 1))
        made.append(VolumeMount(f"/srv/volume{number}", volume_id, f"data{number}"))
    return tuple(made)


def _folders(kept: Opened) -> tuple[TreeMount, ...]:
    made = []
    for number in range(MOUNTS):
        content = f"the file of folder {number}\n".encode()
        tree = Tree.of([File("file.txt", hashlib.sha256(content).hexdigest(), len(content))])
        kept.blobs.add(content)
        kept.blobs.add(tree.content)
        made.append(TreeMount(f"/srv/folder{number}", tree.digest))
    return tuple(made)
