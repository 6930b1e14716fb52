"""What the control plane needs from the world, as small interfaces. Each has one contract suite (tests/contract) that runs
on the fake (`homeport.testing`) and on the real thing. Owns signatures and what callers may rely on; implements nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .core.facts import Fact
from .core.model import App, Gpus
from .core.routes import Route
from .manifest.schema import ImageRecipe, Resources


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since the epoch; may jump, never used to measure a duration shorter than a second."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal: what happened, by whom. `body` is JSON and holds no secret."""

    kind: str
    body: dict[str, object]
    actor: str = ""


class Journal(Protocol):
    """The truth. One writer. Everything `append` returned from is there after a power cut."""

    def append(self, now_ms: int, records: Sequence[Record], apps: Sequence[App], world: tuple[str, int]) -> None:
        """In one transaction: the records, the new state of each changed App, and (tag, next app). Returns when durable.

        Raises OSError (disk full, I/O) with nothing written.
        """
        ...

    def load(self) -> tuple[list[App], tuple[str, int] | None]:
        """The last state of every App, in order of creation, and (tag, next app); None when new.

        An App that is stopped and has no deployment left is not loaded again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Bind:
    """A host path shown in the container. Read-only unless said otherwise."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything the engine needs to start one container. Opaque to the core."""

    container_id: str
    app_id: str
    service_id: str
    image_layers: tuple[str, ...]  # directories, uppermost first
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    binds: tuple[Bind, ...]
    resources: Resources
    port: int
    hostname: str
    log_path: str
    base_layers: int = 0  # as `Image.base_layers`
    may_fork: bool = False  # from a warm template, where one fits; else, and where not, it is a process of its own
    cwd: str = "/root"
    gpus: Gpus | None = None  # so many of that model, its own; none: nothing of any
    snapshot: str = ""  # names the version of a Server that is started from a memory snapshot where one fits; empty: never
    secret_env: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # never to be written where it outlives it


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """What the engine knows of one container. `fact` repeats the last one it would have told."""

    container_id: str
    running: bool
    address: str = ""
    pid: int = 0
    facts: tuple[Fact, ...] = ()


class Engine(Protocol):
    """Runs containers. It never restarts one and never decides; it tells what happened, at least once, through `facts`."""

    async def start(self, spec: ContainerSpec) -> None:
        """Idempotent by container id. Returns once accepted (fact ContainerStarted); a failure is the fact ContainerExited.

        May be called for a container that runs, or that ended: then it only repeats its facts.
        """
        ...

    async def stop(self, container_id: str, kill_after_ms: int) -> None:
        """SIGTERM to its processes, SIGKILL later. Idempotent.

        Unknown or ended ids are no error: what is known of them is told again.
        """
        ...

    async def forget(self, container_id: str) -> None:
        """Release what an ended container left (overlay, addresses). Idempotent.

        Does nothing to one that still runs: the next listing brings it up again.
        """
        ...

    async def list(self) -> list[ContainerStatus]:
        """All containers not forgotten. The first call adopts what an earlier control plane left running."""
        ...

    async def keep_snapshots(self, names: Iterable[str]) -> None:
        """Memory snapshots of all other versions are over; what came from one goes on. Idempotent, cheap.

        Raises OSError or `Error` while that can't be done: call again.
        """
        ...

    def facts(self) -> AsyncIterator[Fact]:
        """Every change, at least once, in order per container. One consumer."""
        ...

    async def close(self) -> None:
        """Stop watching. Containers go on."""
        ...


class Router(Protocol):
    """Carries every request. What it serves survives the control plane."""

    async def apply(self, app_id: str, routes: tuple[Route, ...]) -> None:
        """These are all routes of this App. New containers are added before old ones are taken out. Idempotent.

        Returns when the data plane follows it. Raises OSError while the data plane cannot be reached: call again.
        """
        ...

    async def retain(self, app_ids: Iterable[str]) -> None:
        """Drop the routes of all Apps but these (after a restart)."""
        ...

    async def observe(self) -> dict[str, int]:
        """In-flight requests by container id, draining ones included, in the live worker and in old ones."""
        ...

    def facts(self) -> AsyncIterator[Fact]:
        """ContainerDrained while containers drain. One consumer."""
        ...

    async def close(self) -> None:
        """Disconnect. The data plane goes on."""
        ...


Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its id and the directories of its layers, uppermost first, ready to be mounted."""

    image_id: str
    layers: tuple[str, ...]
    python_version: str = ""  # empty: it has no Python that we know of
    env: tuple[tuple[str, str], ...] = field(default=())
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    workdir: str = ""
    base_layers: int = 0  # how many of the lowest layers are a base that the platform made itself


class Images(Protocol):
    async def ensure(self, recipe: ImageRecipe, progress: Progress) -> Image:
        """Build it or find it. Lines of progress and build output go to `progress` as they come.

        Raises ImageBuildError with the failing step and its last lines; InvalidError for a recipe that can't be had here.
        """
        ...

    async def get(self, recipe: ImageRecipe) -> Image | None:
        """What was built of this recipe last, or None; None too where it asks for being built anew. Never builds."""
        ...

    async def find(self, image_id: str) -> Image | None:
        """The stored image of this id, or None. At most a few milliseconds, like `get`."""
        ...

    async def drop(self, image_id: str) -> None:
        """Free its space, if nothing else needs its layers. Idempotent."""
        ...
