"""Images: how long it takes to see that one is built already, and what building one costs beside plain `buildah build
--layers` with the same Dockerfile, base and settings of the machine. Neither of the two has a cache of packages.

Cold: nothing but the base is there. Warm: one more package, on top of steps that are there. Who of the two begins changes
from round to round, so that neither always gets what the other one has just fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import machine
import stage
from report import Figure, Measured, Target

from homeport.daemon.compose import image_settings
from homeport.images.bases import Bases
from homeport.images.builder import BuildahImages
from homeport.images.materials import NoMaterials
from homeport.images.settings import ImageSettings
from homeport.images.storage import Storage
from homeport.images.workplace import Visible, Workplace, workplace
from homeport.manifest.schema import ImageRecipe, ImageStep
from homeport.sdk import installs
from homeport.settings import Settings

PACKAGES = ("idna", "toml", "certifi", "click", "packaging", "attrs", "tomli", "wrapt", "decorator", "filelock")
FIRST = "six"
INSTALLERS = ("pip", "uv")
OVERHEAD = Target(1.1)
CHECKED = Target(100, of="value")
APP = f"""
import homeport as modal
image = modal.Image.debian_slim("3.11").run_commands("mkdir -p /srv/app").pip_install("{FIRST}").env({{"A": "b"}})
app = modal.App("imaged", image=image)
@app.server(unauthenticated=True)
class Server:
    @modal.enter()
    def start(self):
        import subprocess
        subprocess.Popen("python -m http.server 8000", shell=True)
"""


@dataclass
class Rounds:
    """Milliseconds, one of each per round."""

    ours: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)

    def figure(self, name: str, companion: str, target: Target | None = None) -> Figure:
        return Figure.of((name, "ms", companion), self.ours, self.plain, target)


def measure(work: Path, rounds: int) -> Measured:
    """Six figures. Needs root and buildah, and what a platform needs."""
    return Measured([*asyncio.run(_builds(work, min(rounds, len(PACKAGES)))), _deploys(work, rounds)])


async def _builds(work: Path, rounds: int) -> list[Figure]:
    images = BuildahImages(_settings(work / "ours"))
    await images.ensure(ImageRecipe(), _silent)
    done = {name: Rounds() for name in ["check", *(f"{kind} {one}" for kind in ("cold", "warm") for one in INSTALLERS)]}
    async with _plain(work / "plain") as plain:
        for number in range(rounds):
            for one in INSTALLERS:
                await _round((images, plain), _recipe(one, f"round{number}", FIRST), done[f"cold {one}"], number)
                kept = _recipe(one, "kept", FIRST)
                await images.ensure(kept, _silent)
                await plain.build(kept)
                await _round((images, plain), _recipe(one, "kept", FIRST, PACKAGES[number]), done[f"warm {one}"], number)
            # as a control plane that has just started asks
            done["check"].ours.append(await _check(BuildahImages(_settings(work / "ours")), kept))
            done["check"].plain.append(await plain.build(kept))
    companion = f"buildah build --layers ({plain.isolation})"
    figures = [done["check"].figure("check of an image of 2 steps that is built", companion, CHECKED)]
    for one in INSTALLERS:
        figures.append(done[f"cold {one}"].figure(f"image with a package by {one}, cold", companion, OVERHEAD))
        figures.append(done[f"warm {one}"].figure(f"one more package by {one}, warm", companion, OVERHEAD))
    return figures


async def _round(builders: tuple[BuildahImages, Plain], recipe: ImageRecipe, done: Rounds, number: int) -> None:
    images, plain = builders
    await asyncio.to_thread(machine.wait_until_quiet)

    async def ours() -> None:
        begun = time.perf_counter()
        await images.ensure(recipe, _silent)
        done.ours.append((time.perf_counter() - begun) * 1000)

    async def beside() -> None:
        done.plain.append(await plain.build(recipe))

    for each in (ours, beside) if number % 2 else (beside, ours):
        await each()


async def _check(images: BuildahImages, recipe: ImageRecipe) -> float:
    begun = time.perf_counter()
    found = await images.get(recipe)
    took_ms = (time.perf_counter() - begun) * 1000
    assert found is not None, "it was built in this round"
    return took_ms


def _deploys(work: Path, rounds: int) -> Figure:
    """The whole command, beside one that asks nobody."""
    done = Rounds()
    source = work / "imaged.py"
    source.write_text(APP)
    with stage.platform(work / "data") as here:
        here.run("deploy", str(source))
        here.run("deploy", str(source))
        for _ in range(rounds):
            machine.wait_until_quiet()
            done.ours.append(_took_ms(here, "deploy", str(source)))
            done.plain.append(_took_ms(here, "--version"))
    return done.figure("deploy of an unchanged App with an image of 3 steps", "homeport --version", Target(300, of="value"))


def _took_ms(here: stage.Stage, *arguments: str) -> float:
    begun = time.perf_counter()
    here.run(*arguments)
    return (time.perf_counter() - begun) * 1000


def _recipe(installer: str, folder: str, *packages: str) -> ImageRecipe:
    """As the SDK writes it: a command, then one step for each package."""
    steps = [ImageStep("run_commands", (f"RUN mkdir -p /srv/{installer}/{folder}",))]
    for package in packages:
        lines = installs.pip([package], installs.Indexes())
        if installer == "uv":
            lines = (*installs.uv(None), *installs.uv_pip([package], 0, installs.Indexes()))
        steps.append(ImageStep(f"{installer}_install", lines))
    return ImageRecipe(steps=tuple(steps))


def _settings(work: Path) -> ImageSettings:
    return image_settings(Settings(data_dir=work), work / "no guest")


def _silent(_: str) -> None:
    """What builds say is not measured."""


@dataclass(frozen=True)
class Plain:
    """buildah as anybody would call it, with a storage of its own. `base` says in its environment where a step finds the
    machine's settings, and `mounts` shows them.
    """

    root: Path
    place: Workplace
    base: str
    isolation: str
    mounts: tuple[str, ...]

    async def build(self, recipe: ImageRecipe) -> float:
        """Milliseconds. Raises StageError."""
        lines = [line for step in recipe.steps for line in step.lines]
        begun = time.perf_counter()
        await asyncio.to_thread(self.run, f"FROM {self.base}", *lines)
        return (time.perf_counter() - begun) * 1000

    def run(self, *lines: str, options: tuple[str, ...] = ()) -> None:
        """Raises StageError."""
        settings = _settings(self.root)
        file = self.place.work / "Dockerfile"
        file.write_text("\n".join([*lines, ""]))
        where = ["--root", str(settings.root), "--runroot", str(settings.runroot)]
        if (settings.root / "overlay").is_dir():  # else a bind mount of it would stay on the machine
            where.append("--storage-opt=overlay.skip_mount_home=true")
        how = [f"--isolation={self.isolation}", "--network=host", "--format=docker", "--pull-never", "--layers"]
        argv = ["buildah", *where, "build", *how, *self.mounts, *options, f"--file={file}", str(self.place.empty_context)]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        if done.returncode:
            raise stage.StageError(f"buildah build: {done.stderr.strip()}")


@contextlib.asynccontextmanager
async def _plain(root: Path) -> AsyncIterator[Plain]:
    settings = _settings(root)
    storage = Storage(settings.root, settings.runroot)
    await storage.open()
    slim = await Bases(settings, storage, NoMaterials()).slim(ImageRecipe().python_version, _silent)
    async with workplace([Visible()]) as place:
        seen = json.loads((place.private / "plan.json").read_text())["runs"][0]
        mounts = tuple(f"--volume={mount['source']}:{mount['target']}:ro" for mount in seen["mounts"])
        made = Plain(root, place, "localhost/plain", "oci", mounts)
        try:
            made.run(f"FROM {slim}", "RUN true")
        except stage.StageError:  # crun, for one, refuses hybrid cgroups
            made = replace(made, isolation="chroot")
            await storage.remove_working_containers()  # what failed stays mounted
        made.run(f"FROM {slim}", installs.environment(seen["defaults"]), options=(f"--tag={made.base}",))
        yield made
