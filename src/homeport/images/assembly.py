"""One recipe being built: its steps, one invocation of buildah after the other. Owns what a step may see, how long it may
take, what is told of it, and which layers are noted for later builds. Refuses to know bases and who asked.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InvalidError
from ..manifest import mounted
from ..manifest.schema import ImageRecipe, ImageStep, VolumeMount
from ..ports import Progress
from . import buildlog, chain, ociruntime, planning
from . import recipe as recipes
from .buildlog import Tail, Tracker
from .failures import BuildFailed, DiskFull, TooSlow
from .index import Index
from .materials import Materials
from .planning import GUEST_LIB, Segment
from .redact import Redactor
from .settling import Settling
from .storage import Invocation, Storage
from .workplace import Shown, Visible, Workplace

_SILENT = re.compile(r"COMMIT |Successfully tagged |--> |Error: building at STEP|[0-9a-f]{64}$")
FULL_HOUSE = "waiting until another build is over; no more are done at once"
ARGUMENTS = "/opt/homeport/arguments"
REMOTE = {"HOMEPORT_IS_REMOTE": "1", "MODAL_IS_REMOTE": "1", "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Workshop:
    """What all builds share."""

    storage: Storage
    index: Index
    settling: Settling
    materials: Materials
    guest_lib: Path | None
    room: asyncio.Semaphore


@dataclass
class Job:
    """One build. `reached`: how many links of its chain are there."""

    recipe: ImageRecipe
    links: chain.Chain
    tell: Progress
    number: int
    redactor: Redactor = field(default_factory=Redactor)
    reached: int = 0
    begun: int = 0  # how many of them were there before
    made: set[str] = field(default_factory=set)  # (short) ids of the images that this build committed
    moved: Callable[[], None] = lambda: None
    named: dict[str, str] = field(default_factory=dict)  # ids of the images that its Dockerfile names

    @property
    def whole_file(self) -> bool:
        return self.recipe.base == chain.DOCKERFILE

    @property
    def tag(self) -> str:
        return recipes.build_name(self.links.digest, self.number)

    @property
    def keeps(self) -> bool:
        return self.recipe.cache != "ignore"


class Assembly:
    def __init__(self, shop: Workshop, job: Job) -> None:
        self._shop = shop
        self._job = job
        self._told = 1  # instructions that are done, the base's FROM included
        self._total = planning.total(job.recipe.steps, job.whole_file)

    async def build(self, base: str, first: int, end: int | None = None) -> str:
        """The steps from `first` on (up to `end`) on top of the image `base`; returns the id of what they make.

        Raises BuildFailed, and what the materials raise.
        """
        steps = self._job.recipe.steps[:end]
        planned = planning.segments(steps, first, self._job.whole_file)
        self._told = self._total - sum(len(segment.instructions) for segment in planned)
        for segment in planned:
            base = await self._segment(segment, base) if segment.instructions else base
            self._told += len(segment.instructions)
            self._reach(segment.end, base)
        return base

    async def _segment(self, segment: Segment, base: str) -> str:
        steps = self._job.recipe.steps
        seen = {place: await self._visible(steps[place]) for place in range(segment.first, segment.end)}
        contexts = {name: await asyncio.to_thread(self._shop.materials.tree, digest) for name, digest in segment.contexts}
        every = seen[segment.first] if segment.whole_file else None
        if self._shop.room.locked():
            self._job.tell(FULL_HOUSE)
        async with self._shop.room, self._shop.storage.workplace([seen[place] for place in segment.runs()], every) as place:
            what = self._invocation(segment, base, contexts)
            made = await self._run(segment, what, place, base)
        if any(steps[place].volumes for place in seen):
            await asyncio.to_thread(self._shop.materials.sync_volumes)
        return made

    def _invocation(self, segment: Segment, base: str, contexts: dict[str, Path]) -> Invocation:
        step = self._job.recipe.steps[segment.first]
        anew = step.force or bool(self._job.recipe.cache)
        return Invocation(
            dockerfile=segment.dockerfile(base, self._job.named),
            tag=self._job.tag,
            context=contexts[planning.context_name(segment.main)] if segment.main else None,
            contexts=contexts,
            build_args=segment.build_args,
            # What a step alone sees, and the values of arguments, are no part of buildah's cache key, so its cache must
            # not be asked then.
            cached=segment.whole_file and not (anew or step.env or step.secrets or step.volumes or segment.has_arguments()),
        )

    async def _run(self, segment: Segment, what: Invocation, place: Workplace, base: str) -> str:
        steps, tracker, tail = self._job.recipe.steps, Tracker(), Tail(self._shop.storage.is_full)
        under_way = segment.first
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(steps[under_way].timeout_s) as deadline:

                def sink(line: str) -> None:
                    nonlocal under_way
                    line = self._job.redactor(line)
                    if segment.whole_file or not tracker.feed(line):
                        self._tell(line, tail)
                        return
                    self._begin(segment, tracker, tail, base)
                    current = segment.instructions[max(0, tracker.at - 2)].step
                    if current != under_way:
                        under_way = current
                        deadline.reschedule(loop.time() + steps[current].timeout_s)

                finished = await self._shop.storage.build(what, place, sink)
        except TimeoutError:
            step = tail.step.replace("/", " of ", 1)
            raise TooSlow([f"step {step} did not end within {steps[under_way].timeout_s} s"]) from None
        made = self._shop.storage.find(what.tag) if finished.returncode == 0 else None
        if made is None:
            if words := place.out_of_memory():
                tail.feed(words)
            raise _failure(tail, self._job.redactor(finished.last_words), steps[under_way])
        self._note(segment, tracker, base)
        return made

    def _begin(self, segment: Segment, tracker: Tracker, tail: Tail, base: str) -> None:
        """An instruction begins, so those before it are layers by now."""
        self._note(segment, tracker, base)
        if tracker.at == 1:
            return
        planned = segment.instructions[tracker.at - 2]
        step = f"{self._told + tracker.at - 1}/{self._total}: {planned.shown}"
        tail.begin(step)
        self._job.tell(f"STEP {step}")

    def _tell(self, line: str, tail: Tail) -> None:
        tail.feed(line)
        if found := buildlog.COMMITTED.fullmatch(line):
            self._job.made.add(found[1])
        if not _SILENT.match(line):
            self._job.tell(line)

    def _note(self, segment: Segment, tracker: Tracker, base: str) -> None:
        """Every step whose last instruction has been committed is a link of the chain that others can build on."""
        if segment.whole_file:
            return
        for place in range(max(segment.first, self._job.reached - 1), segment.end):
            last = segment.last_of(place) + 1
            short = base if last == 1 else tracker.committed.get(last, "")
            found = self._shop.storage.by_prefix(short) if short else None
            if found is None:
                return
            self._reach(place + 1, found)

    def _reach(self, count: int, image_id: str) -> None:
        """The first `count` steps are in this image."""
        job = self._job
        if job.keeps:
            self._shop.index.links[job.links.links[count]] = image_id
            self._shop.settling.soon()
        job.reached = max(job.reached, count + 1)
        job.moved()

    async def _visible(self, step: ImageStep) -> Visible:
        materials, env = self._shop.materials, dict[str, str]()
        for ref in step.secrets:
            values = await asyncio.to_thread(materials.secret, ref)
            self._job.redactor.add(values.values())
            env |= values
        env |= dict(step.env) | mounted.environment(step.volumes)
        mounts = [await asyncio.to_thread(self._volume, mount) for mount in step.volumes]
        if step.function is None:
            return Visible(env, mounts)
        if self._shop.guest_lib is None:
            raise InvalidError("run_function can't be built here: the platform did not say where its own package is.")
        if step.function.source:
            source = await asyncio.to_thread(materials.tree, step.function.source)
            mounts += [Shown(str(entry), f"/root/{entry.name}") for entry in sorted(source.iterdir())]
        mounts.append(Shown(str(self._shop.guest_lib), GUEST_LIB))
        entry = step.function.entry
        env |= REMOTE | {"HOMEPORT_GUEST_MODULE": entry.module, "HOMEPORT_GUEST_CLASS": entry.qualname}
        env["HOMEPORT_GUEST_PATH"] = entry.path or ""
        return Visible(env, mounts, {ARGUMENTS: step.function.arguments})

    def _volume(self, mount: VolumeMount) -> Shown:
        """What containers write to may hold anything, so the runtime walks there again when it mounts the folder."""
        whole, called = self._shop.materials.volume(mount.volume_id).resolve(), mount.name or mount.volume_id
        parts = [part for part in mount.sub_path.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise InvalidError(f"The folder {mount.sub_path!r} of Volume {called!r} leads out of it.")
        try:
            os.close(ociruntime.enter(str(whole), parts, make=not mount.read_only))
        except FileNotFoundError:
            raise InvalidError(f"The Volume {called!r} has no folder {mount.sub_path!r}.") from None
        except NotADirectoryError:
            raise InvalidError(
                f"The folder {mount.sub_path!r} of Volume {called!r} is a file or symlink, and no folder; name another one."
            ) from None
        return Shown(str(whole), mount.path, mount.read_only, "/".join(parts))


def _failure(tail: Tail, last_words: str, step: ImageStep) -> BuildFailed:
    if tail.is_full_disk or buildlog.says_no_space(last_words):
        return DiskFull(tail.failure(last_words))
    if step.function and (trace := tail.traceback()):
        return BuildFailed(trace, remote=True)
    return BuildFailed(tail.failure(last_words))
