"""The directories of one invocation of buildah: what it is told, and what its steps may see. Owns their life.

work     on disk: Dockerfile, an empty context, the runtime script; nothing secret
private  in memory where the machine allows it: plan.json (Secrets!), credentials, the machine's settings
cache    in work: what installers download. Not shared by builds: a step of one could put something else into it for the
         packages of another.

Both lie in directories that are one storage's alone and that nobody else may enter: what is found in there later, and its
names, are ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import PlatformError
from ..spawner.private import place as place_in_memory
from . import machine, mirror, ociruntime, runner
from .basetar import APT, machine_sources
from .limits import StepLimits


@dataclass(frozen=True, slots=True)
class Shown:
    """A directory or file that a step sees. below: the folder in `source`, a Volume, that is meant: nothing is followed."""

    source: str
    target: str
    read_only: bool = True
    below: str | None = None


@dataclass(frozen=True, slots=True)
class Visible:
    """What one RUN sees besides its image: values that must not be printed."""

    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    mounts: Sequence[Shown] = ()
    files: Mapping[str, str] = field(default_factory=dict, repr=False)  # path that the step sees -> text


@dataclass(frozen=True, slots=True)
class Workplace:
    work: Path
    private: Path
    limits: StepLimits
    cgroups: list[str]

    @property
    def runtime(self) -> Path:
        return self.work / "runtime"

    @property
    def empty_context(self) -> Path:
        return self.work / "context"

    @property
    def cache(self) -> Path:
        return self.work / "cache"

    def out_of_memory(self) -> str:
        """Says so if its steps needed more than they may have; else empty."""
        return self.limits.out_of_memory(self.cgroups)


@dataclass(frozen=True, slots=True)
class Grounds:
    """Where the workplaces of one storage are, and what their steps may take."""

    disk: Path
    memory: Path
    limits: StepLimits

    @classmethod
    def under(cls, runroot: Path, memory_mib: int = 0) -> Grounds:
        """memory_mib: what a build may use; 0 is half of the machine's memory."""
        tag = f"builds-{hashlib.sha256(os.fsencode(runroot.absolute())).hexdigest()[:12]}"
        return cls(runroot / "work", Path(place_in_memory(str(runroot), tag)), StepLimits(tag, memory_mib))


@contextlib.asynccontextmanager
async def workplace(grounds: Grounds, runs: Sequence[Visible], every: Visible | None = None) -> AsyncIterator[Workplace]:
    """runs: one for each RUN of the Dockerfile, in order; every: for each RUN there may be."""
    async with contextlib.AsyncExitStack() as exits:
        work, private = exits.enter_context(_own(grounds.disk)), exits.enter_context(_own(grounds.memory))
        cgroups = await exits.enter_async_context(grounds.limits.cgroups(work.name))
        place = Workplace(work, private, grounds.limits, cgroups)
        try:
            await _furnish(place, runs, every)
            yield place
        finally:
            await _end_containers(place.private)


async def sweep(grounds: Grounds) -> None:
    """Removes what a killed control plane left. Only one uses these grounds at a time."""
    for directory in (grounds.memory, grounds.disk):
        for left in directory.iterdir() if _is_ours(directory) else ():
            await _end_containers(left)
            shutil.rmtree(left, ignore_errors=True)
    await asyncio.to_thread(grounds.limits.sweep)


@contextlib.contextmanager
def _own(directory: Path) -> Iterator[Path]:
    """A new directory in `directory`, for root alone, that goes at the end. Names in places like /dev/shm are anybody's."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700, parents=True)
    if not _is_ours(directory):
        raise PlatformError(f"{directory} belongs to somebody else; remove it, and try again.")
    try:
        with tempfile.TemporaryDirectory(dir=directory) as made:
            yield Path(made)
    finally:
        with contextlib.suppress(OSError):  # others are in there
            directory.rmdir()


def _is_ours(directory: Path) -> bool:
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700


async def _furnish(place: Workplace, runs: Sequence[Visible], every: Visible | None) -> None:
    place.empty_context.mkdir()
    place.cache.mkdir()
    place.cache.chmod(0o1777)  # a step may install as another user; nobody else reaches it
    place.runtime.write_text(_script(place.private, place.cgroups))
    place.runtime.chmod(0o700)
    defaults = await _show_machine(place.private / "machine")
    plan = {
        "runs": [_as_json(each, defaults, place) for each in runs],
        "every": _as_json(every, defaults, place) if every else None,
    }
    (place.private / "plan.json").write_text(json.dumps(plan))


async def _end_containers(private: Path) -> None:
    """A buildah that is ended in the moment in which its step begins doesn't see to it that the step ends too."""
    text = _script(private)
    for left in (private / "crun").glob("*"):
        await runner.run(["sh", "-c", text, "sh", "delete", "--force", left.name])


def _script(private: Path, cgroups: Sequence[str] = ()) -> str:
    return ociruntime.script(sys.executable, str(private), os.path.ismount(ociruntime.UNIFIED), cgroups)


def _as_json(visible: Visible, defaults: Mapping[str, str], place: Workplace) -> dict[str, object]:
    mounts = [Shown(str(place.private / "machine"), machine.SHOWN), *visible.mounts]
    mounts.append(Shown(str(place.cache), machine.CACHE, read_only=False))
    if Path(machine.UV_TOML).is_file():
        mounts.append(Shown(machine.UV_TOML, machine.UV_TOML))
    for target, text in visible.files.items():
        file = place.private / f"file-{hashlib.sha256(f'{target}:{text}'.encode()).hexdigest()}"
        file.write_text(text)
        mounts.append(Shown(str(file), target))
    return {
        "defaults": dict(defaults),
        "caches": machine.CACHES,
        "env": dict(visible.env),
        "mounts": [asdict(mount) for mount in mounts],
    }


async def _show_machine(directory: Path) -> dict[str, str]:
    """Writes the machine's settings as steps see them; returns the environment that names them."""
    directory.mkdir(mode=0o755)
    (directory / Path(machine.CACHE).name).mkdir()
    certificates = Path(machine.CA_BUNDLE)
    conf = Path(machine.PIP_CONF)
    pip = machine.pip_conf(conf.read_text() if conf.is_file() else "", os.environ, certificates.is_file())
    netrc = await asyncio.to_thread(_logins)
    inherited = mirror.inherited_settings(await _apt_config())
    files = {
        machine.PIP: pip,
        machine.NETRC: netrc,
        machine.APT: machine.apt_conf(inherited, certificates.is_file(), bool(netrc)),
    }
    for path, text in files.items():
        (directory / Path(path).name).write_text(text)
    if certificates.is_file():
        shutil.copyfile(certificates, directory / Path(machine.CERTIFICATES).name)
    return machine.environment(os.environ, pip, certificates.is_file())


def _logins() -> str:
    files = [APT / "auth.conf", *sorted((APT / "auth.conf.d").glob("*.conf"))]
    found = "".join(file.read_text().rstrip("\n") + "\n" for file in files if file.is_file())
    return found + machine.netrc([source.uri for source in machine_sources(APT)])


async def _apt_config() -> str:
    return await runner.output(["apt-config", "dump"]) if shutil.which("apt-config") else ""
