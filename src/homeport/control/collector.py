"""Garbage collection carried out: what `garbage` decided is measured and removed. Owns that it is harmless.

Safe beside a deploy: whatever is asked for in the meantime counts as used from then on, and is left. Safe against a kill:
what is not reachable can go in any order, and what is half gone has another name. A full disk doesn't stop it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from ..core import ids
from ..core.facts import AppForgotten
from ..core.model import App
from ..core.states import AppState
from ..errors import Error
from ..ports import Image
from ..store import records
from ..store.files import remove_tree
from . import garbage
from .chronicle import Input
from .garbage import Inventory, Item, Kind, Plan, Policy
from .prepare import log_path
from .stock import Stock, Stores
from .views import Json

log = logging.getLogger(__name__)

FIRST_S = 600
EVERY_S = 3600
BLOCK_BYTES = 512  # the unit of st_blocks


@dataclass(frozen=True, slots=True)
class _Run:
    """One collection. Nothing that was used at `unused_since_ms` or later is removed."""

    now_ms: int
    policy: Policy
    dry: bool

    @property
    def unused_since_ms(self) -> int:
        return self.now_ms - self.policy.grace_ms


class Collector:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._stock = Stock(stores)
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Collects now and then, until it is cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                await self.collect("", dry_run=False)
            except (Error, OSError) as error:
                log.error("garbage could not be collected: %s", error)
            await asyncio.sleep(EVERY_S)

    async def collect(self, actor: str, *, dry_run: bool) -> Json:
        """What was (with `dry_run`: would be) removed, by kind. Raises OSError when the disk can't be read."""
        async with self._one_at_a_time:
            run = _Run(time.time_ns() // 1_000_000, self._policy(), dry_run)
            forgotten = await self._forget(run)
            plan = await asyncio.to_thread(self._plan, run, forgotten)
            counts, sizes = await self._remove(plan.items, run)
            if not run.dry:
                cached, size_bytes = await self._stores.images.collect()
                counts += Counter({Kind.IMAGE: cached})
                sizes += Counter({Kind.IMAGE: size_bytes})
            if counts and not run.dry:
                self._write_down(counts, sizes.total(), actor)
        return _report(run, plan, len(forgotten), counts, sizes)

    def _policy(self) -> Policy:
        chosen = self._stores.settings
        return Policy(chosen.versions_kept, chosen.days_after_stop, chosen.log_days, chosen.gc_grace_minutes * 60_000)

    async def _forget(self, run: _Run) -> frozenset[str]:
        """Apps that were stopped long ago leave the World, and with them what only they held."""
        rows = await asyncio.to_thread(self._stores.history.apps)
        past = self._stock.past(rows, frozenset(row.app_id for row in rows))
        loop = self._stores.loop
        found = frozenset(garbage.over(past, run.policy, run.now_ms))
        stopped = [i for i in found if i in loop.world.apps and loop.world.apps[i].state is AppState.STOPPED]
        if run.dry or not stopped:
            return frozenset(stopped)
        try:
            loop.accept([Input(AppForgotten(app_id)) for app_id in sorted(stopped)])
        except OSError as error:
            log.warning("stopped Apps can't be forgotten now: %s", error)
            return frozenset()
        return frozenset(stopped)

    def _plan(self, run: _Run, forgotten: frozenset[str]) -> Plan:
        """What is held first, then the World: what is published meanwhile is in that, and later what is in the history."""
        held = self._stock.held()
        apps = [app for app in self._stores.loop.world.apps.values() if app.app_id not in forgotten]
        rows = self._stores.history.apps()
        over = frozenset(garbage.over(self._stock.past(rows, frozenset(r.app_id for r in rows)), run.policy, run.now_ms))
        past = self._stock.past(rows, over)
        in_world = frozenset(deployment.manifest_digest for app in apps for deployment in app.deployments)
        items = tuple(self._stock.items(run.now_ms))
        inventory = Inventory(
            apps=past,
            in_world=in_world,
            containers=_containers(apps),
            needs=self._stock.needs(garbage.reachable(past, in_world, run.policy, run.now_ms)),
            in_use=held | self._stock.in_use(),
            items=items,
        )
        return garbage.collectable(inventory, run.policy, run.now_ms)

    async def _remove(self, items: Iterable[Item], run: _Run) -> tuple[Counter[Kind], Counter[Kind]]:
        """How many, and how many bytes, by kind."""
        counts: Counter[Kind] = Counter()
        sizes: Counter[Kind] = Counter()
        files = [item for item in items if item.ref.kind is not Kind.IMAGE]
        images = [item for item in items if item.ref.kind is Kind.IMAGE]
        for kind, size_bytes in [
            *await asyncio.to_thread(lambda: [done for item in files if (done := self._remove_files(item, run))]),
            *[done for item in images if (done := await self._drop_image(item, run))],
        ]:
            counts[kind] += 1
            sizes[kind] += size_bytes
        return counts, sizes

    def _remove_files(self, item: Item, run: _Run) -> tuple[Kind, int] | None:
        kind, key = item.ref
        paths = self._paths(item)
        size_bytes = sum(_size(path, own=kind is Kind.SOURCE) for path in paths)
        removed = run.dry
        if not run.dry:
            try:
                removed = self._removed(kind, key, paths, run)
            except OSError as error:
                log.warning("%s of %s can't be removed: %s", kind.value, key, error)
        return (kind, size_bytes) if removed else None

    def _removed(self, kind: Kind, key: str, paths: list[Path], run: _Run) -> bool:
        match kind:
            case Kind.BLOB:
                return self._stores.blobs.drop(key, run.unused_since_ms)
            case Kind.SOURCE:
                return self._stores.sources.drop(key, run.unused_since_ms)
            case Kind.LOG:
                return _remove_log(paths)
            case Kind.SECRET:
                held = any(key in each.secret_ids() for each in self._stores.preparing.under_way())
                return not held and self._stores.secrets.drop(key, run.unused_since_ms)
            case _:
                if kind is Kind.CONTAINER and (key in _containers(self._stores.loop.world.apps.values()) or _mounts(paths)):
                    return False
                return self._remove_tree(paths[0])

    def _remove_tree(self, path: Path) -> bool:
        """Under its name it is whole or gone; what a kill leaves in the bin, the spawner empties."""
        trash = self._stores.settings.data_dir / "run" / "trash"
        trash.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = trash / f"{path.name}.gc{time.monotonic_ns()}"
        path.rename(aside)
        remove_tree(aside)
        return True

    async def _drop_image(self, item: Item, run: _Run) -> tuple[Kind, int] | None:
        images, image_id = self._stores.images, item.ref.key
        size_bytes = await asyncio.to_thread(_own_size, image_id, images.stored())
        if not run.dry:
            since_ms = time.time_ns() // 1_000_000 - run.unused_since_ms
            if images.idle_s(image_id) * 1000 <= since_ms:
                return None
            try:
                await images.drop(image_id)
            except (Error, OSError) as error:
                log.warning("image %s can't be removed: %s", image_id, error)
                return None
        return Kind.IMAGE, size_bytes

    def _paths(self, item: Item) -> list[Path]:
        kind, key = item.ref
        data_dir = self._stores.settings.data_dir
        match kind:
            case Kind.BLOB:
                return self._stores.blobs.paths(key)
            case Kind.LOG:
                newer = log_path(data_dir, ids.app_of(key), key)
                return [newer, newer.with_name(f"{newer.name}.1")]
            case Kind.SOURCE:
                return [data_dir / "sources" / key]
            case Kind.GUEST:
                return [data_dir / "guest" / key]
            case Kind.SECRET:
                return []  # it is a row
            case _:
                return [data_dir / "containers" / key]

    def _write_down(self, counts: Counter[Kind], size_bytes: int, actor: str) -> None:
        said = {kind.value: count for kind, count in counts.items()}
        log.info("collected %s, %d bytes", said, size_bytes)
        try:
            self._stores.loop.note(records.garbage_collected(said, size_bytes, actor))
        except OSError as error:
            log.warning("the journal can't be written: %s", error)


def _report(run: _Run, plan: Plan, forgotten: int, counts: Counter[Kind], sizes: Counter[Kind]) -> Json:
    return {
        "dry_run": run.dry,
        "kinds": [{"kind": kind.value, "count": counts[kind], "size_bytes": sizes[kind]} for kind in Kind],
        "size_bytes": sizes.total(),
        "apps_forgotten": forgotten,
        "unreadable_manifests": list(plan.blind),
        "versions_kept": run.policy.versions_kept,
    }


def _containers(apps: Iterable[App]) -> frozenset[str]:
    return frozenset(container.container_id for app in apps for container in app.containers)


def _remove_log(paths: list[Path]) -> bool:
    for path in paths:
        path.unlink(missing_ok=True)
    if not any(paths[0].parent.iterdir()):
        paths[0].parent.rmdir()
    return True


def _mounts(paths: list[Path]) -> bool:
    """Whether anything is mounted below: then it is not ours to remove, and somebody has to look at it."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return any(mount == str(path) or mount.startswith(f"{path}/") for mount in mounts for path in paths)


def _own_size(image_id: str, images: dict[str, Image]) -> int:
    """Of the layers that no other image has."""
    mine = {layer for image in images.values() if image.image_id == image_id for layer in image.layers}
    others = {layer for image in images.values() if image.image_id != image_id for layer in image.layers}
    return sum(_size(Path(layer)) for layer in mine - others)


def _size(path: Path, *, own: bool = False) -> int:
    """What it takes on the disk, without what is gone meanwhile. own: without files that have other names, too."""
    total, todo = 0, [str(path)]
    with contextlib.suppress(FileNotFoundError):
        total = path.lstat().st_blocks * BLOCK_BYTES
    while todo:  # without recursion: whoever filled an image decides how deep it is
        with contextlib.suppress(OSError), os.scandir(todo.pop()) as inside:
            for item in inside:
                found = item.stat(follow_symlinks=False)
                total += 0 if own and S_ISREG(found.st_mode) and found.st_nlink > 1 else found.st_blocks * BLOCK_BYTES
                todo += [item.path] if S_ISDIR(found.st_mode) else []
    return total
