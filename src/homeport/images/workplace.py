"""The directories of one invocation of buildah: what it is told, and what its steps may see. Owns their life.

work     on disk: Dockerfile, an empty context, the runtime script; nothing secret
private  in memory where the machine allows it, 0700: plan.json (Secrets!), credentials, the machine's settings
cache    on disk, for this invocation alone: what installers download. Not shared by builds: a step of one could put
         something else into it for the packages of another.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import machine, mirror, ociruntime, runner
from .basetar import APT, machine_sources

MEMORY = Path("/dev/shm")
PREFIX = "homeport-build-"


@dataclass(frozen=True, slots=True)
class Shown:
    """A directory or file that a step sees."""

    source: str
    target: str
    read_only: bool = True


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
    cache: Path | None = None

    @property
    def runtime(self) -> Path:
        return self.work / "runtime"

    @property
    def empty_context(self) -> Path:
        return self.work / "context"


@contextlib.asynccontextmanager
async def workplace(
    runs: Sequence[Visible], every: Visible | None = None, caches: Path | None = None
) -> AsyncIterator[Workplace]:
    """runs: one for each RUN of the Dockerfile, in order; every: for each RUN there may be. caches: the directory in which
    `cache` is made; there is none without.
    """
    memory = str(MEMORY) if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    mine = f"{PREFIX}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=mine) as work, tempfile.TemporaryDirectory(prefix=mine, dir=memory) as private:
        place = Workplace(Path(work), Path(private), Path(tempfile.mkdtemp(dir=caches)) if caches else None)
        try:
            await _furnish(place, runs, every)
            yield place
        finally:
            await _end_containers(place.private)
            if place.cache:
                await asyncio.to_thread(shutil.rmtree, place.cache, ignore_errors=True)


async def sweep() -> None:
    """Removes what killed processes left."""
    for directory in (MEMORY, Path(tempfile.gettempdir())):
        for left in directory.glob(f"{PREFIX}*"):
            pid = left.name.removeprefix(PREFIX).partition("-")[0]
            if not os.path.exists(f"/proc/{pid}"):
                await _end_containers(left)
                shutil.rmtree(left, ignore_errors=True)


async def _furnish(place: Workplace, runs: Sequence[Visible], every: Visible | None) -> None:
    place.empty_context.mkdir()
    if place.cache:
        place.cache.chmod(0o1777)  # a step may install as another user; nobody else reaches it
    place.runtime.write_text(_script(place.private))
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


def _script(private: Path) -> str:
    return ociruntime.script(sys.executable, str(private), os.path.ismount(ociruntime.UNIFIED))


def _as_json(visible: Visible, defaults: Mapping[str, str], place: Workplace) -> dict[str, object]:
    mounts = [Shown(str(place.private / "machine"), machine.SHOWN), *visible.mounts]
    if place.cache:
        mounts.append(Shown(str(place.cache), machine.CACHE, read_only=False))
    if Path(machine.UV_TOML).is_file():
        mounts.append(Shown(machine.UV_TOML, machine.UV_TOML))
    for target, text in visible.files.items():
        file = place.private / f"file-{hashlib.sha256(f'{target}:{text}'.encode()).hexdigest()}"
        file.write_text(text)
        mounts.append(Shown(str(file), target))
    return {
        "defaults": dict(defaults),
        "caches": machine.CACHES if place.cache else {},
        "env": dict(visible.env),
        "mounts": [{"source": m.source, "target": m.target, "read_only": m.read_only} for m in mounts],
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
