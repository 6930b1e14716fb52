"""What the fake can't show: the base image as containers see it, registries that don't answer, builds that are cancelled."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.errors import InvalidError
from homeport.images import BuildahImages, ImageSettings
from homeport.manifest.schema import ImageRecipe
from homeport.ports import Image
from manifest.recipes import recipe_of

pytestmark = pytest.mark.host

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homeport"
BASE = ImageRecipe()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ImageSettings:
    return replace(ImageSettings.under(tmp_path_factory.mktemp("data"), CACHE), registry=None)


@pytest.fixture(scope="module")
def base(settings: ImageSettings) -> Image:
    return asyncio.run(BuildahImages(settings).ensure(BASE, print))


@pytest.fixture
def silent_registry() -> Iterator[socket.socket]:
    """Accepts connections (the kernel does) and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def inside(image: Image, command: str, work: Path) -> str:
    """What a shell command prints in the image, mounted as containers get it, in a mount namespace of its own."""
    for name in ("upper", "work", "merged"):
        (work / name).mkdir()
    options = f"lowerdir={':'.join(image.layers)},upperdir={work}/upper,workdir={work}/work"
    script = 'mount -t overlay overlay -o "$1" "$2" && exec chroot "$2" sh -c "$3"'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", options, f"{work}/merged", command]
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=dict(image.env)).stdout


def connections(server: socket.socket) -> int:
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_the_base_has_python_and_pip_by_their_usual_names(base: Image, tmp_path: Path) -> None:
    said = inside(
        base, "python -c 'import sys; print(sys.version_info[:2])'; python3 -V; pip --version", tmp_path
    ).splitlines()
    assert said[0] == "(3, 11)"
    assert said[1].startswith("Python 3.11")
    assert said[2].startswith("pip ")
    assert ("LANG", "C.UTF-8") in base.env
    assert base.base_layers == len(base.layers) > 0


def test_the_standard_library_is_compiled_and_pip_may_write(base: Image, tmp_path: Path) -> None:
    find = "find /usr/lib/python3.11 -name '*.py' | wc -l; find /usr/lib/python3.11 -name '*.pyc' | wc -l"
    sources, compiled, *managed = inside(base, f"{find}; find /usr/lib -name EXTERNALLY-MANAGED", tmp_path).split()
    assert int(compiled) >= int(sources) > 500
    assert managed == []


def test_owners_and_special_modes_are_those_of_debian(base: Image, tmp_path: Path) -> None:
    assert inside(base, "stat -c '%U:%G %a' /usr/bin/chage /usr/bin/passwd /tmp", tmp_path).splitlines() == [
        "root:shadow 2755",
        "root:root 4755",
        "root:root 1777",
    ]


def test_a_registry_that_says_nothing_is_given_up_and_left_alone_for_a_while(
    settings: ImageSettings, silent_registry: socket.socket
) -> None:
    address = f"127.0.0.1:{silent_registry.getsockname()[1]}/python"
    recipe = ImageRecipe(python_version="3.12")
    for answer_s in (0.5, 5, 50):  # as long as this machine needs until it has asked
        images = BuildahImages(replace(settings, registry=address, answer_timeout_s=answer_s))
        with pytest.raises(InvalidError, match=f"did not answer within {answer_s} s"):
            asyncio.run(images.ensure(recipe, print))
        if connections(silent_registry):
            break
    else:
        pytest.fail("it was never asked")
    with pytest.raises(InvalidError, match=f"did not answer within {answer_s} s"):
        asyncio.run(images.ensure(recipe, print))
    assert connections(silent_registry) == 0


@pytest.mark.usefixtures("base")
def test_a_cancelled_build_ends_its_programs_and_can_be_done_again(settings: ImageSettings, tmp_path: Path) -> None:
    recipe = recipe_of("RUN echo begun as $$ && sleep 600")

    async def story() -> None:
        said: asyncio.Queue[str] = asyncio.Queue()
        build = asyncio.create_task(BuildahImages(settings).ensure(recipe, said.put_nowait))
        while not (await asyncio.wait_for(said.get(), 300)).startswith("begun as"):
            pass
        build.cancel()
        with pytest.raises(asyncio.CancelledError):
            await build

    asyncio.run(story())
    assert wait_until(lambda: not sleepers(settings.root))
    again = asyncio.run(BuildahImages(settings).ensure(recipe_of("RUN echo > /again"), print))
    assert inside(again, "ls /again", tmp_path) == "/again\n"
    assert str(settings.root) not in Path("/proc/self/mountinfo").read_text()


def wait_until(holds: Callable[[], bool], deadline_s: float = 60) -> bool:
    end = time.monotonic() + deadline_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def sleepers(root: Path) -> list[str]:
    """Processes whose root lies in the storage: build steps that still run."""
    roots = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            roots.append(os.readlink(process / "root"))
        except OSError:
            continue
    return [found for found in roots if found.startswith(str(root))]


def test_builds_end_with_a_control_plane_that_is_killed() -> None:
    code = (
        "import asyncio; from homeport.images.runner import run; asyncio.run(run(['sh', '-c', 'echo $$; sleep 600'], print))"
    )
    with subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        handle = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    ended = select.select([handle], [], [], 60)[0]
    os.close(handle)
    assert ended
