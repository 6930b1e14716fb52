"""Images, files, Secrets and Volumes that can't be: each is refused in words, and what runs goes on untouched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e_harness import Box, Done
from e2e_sources import server

from homeport.client import config
from homeport.client.http import Client

FILE = """
import time
import homeport
{before}
image = homeport.Image.{base}
app = homeport.App("bad", image=image{image})

@app.server({options})
class Server:
    @homeport.enter()
    def start(self):
        pass
"""
FUNCTIONS = """
def fails():
    raise ValueError("no luck today")

def hangs():
    time.sleep(60)
"""
FOUND_NOWHERE = "homeport-has-no-such-package"
SECRET = "secrets=[homeport.Secret.from_name({})]"
VOLUME = "homeport.Volume.from_name('badly', create_if_missing=True)"


@dataclass(frozen=True)
class Bad:
    words: str
    image: str = ""  # what follows `base`
    options: str = ""
    before: str = ""
    base: str = 'debian_slim("3.11")'


BUILDS = {
    "a package that is not there": Bad(
        f"ERROR: No matching distribution found for {FOUND_NOWHERE}", f'.pip_install("{FOUND_NOWHERE}")'
    ),
    "a step that fails": Bad("(exit status 7)\n  this is why\n", '.run_commands("echo this is why >&2; exit 7")'),
    "a script that fails in the middle": Bad("(exit status 1)", '.run_commands("true\\nfalse\\ntrue")'),
    "a function that fails": Bad("ValueError: no luck today", ".run_function(fails)", before=FUNCTIONS),
    "a function that hangs": Bad(
        "timed out. Please try again with a larger `timeout`", ".run_function(hangs, timeout=2)", before=FUNCTIONS
    ),
    "an image that no registry has": Bad("127.0.0.1:1", base='from_registry("127.0.0.1:1/nothing:1")'),
}
REFUSED = {
    "a step after attached files": Bad(
        "`run_commands` is a build step", '.add_local_file("bad.py", "/x").run_commands("true")'
    ),
    "a file that is not there": Bad("there is no", '.add_local_file("nowhere.txt", "/x")'),
    "requirements that are not there": Bad("There is no requirements.txt", '.pip_install_from_requirements("r.txt")'),
    "a module that is not there": Bad("no module 'nowhere_at_all'", '.add_local_python_source("nowhere_at_all")'),
    "a place with ..": Bad("without '..'", '.add_local_file("bad.py", "/a/../b")'),
    "a link that leads out": Bad("links/out", '.add_local_dir("links", "/links")'),
    "FROM in a step": Bad("can't have FROM", '.dockerfile_commands("RUN x\\nFROM scratch")'),
    "an unknown instruction": Bad("`INCLUDE x` is not an instruction", '.dockerfile_commands("INCLUDE x")'),
    "a GPU in a build": Bad("has no GPU", '.run_commands("true", gpu="H100")'),
    "a name that nobody published": Bad("no image named 'nobody:latest'", base='from_name("nobody")'),
    "a Secret that is not there": Bad("There is no Secret 'nowhere'", '.run_commands("false")', SECRET.format("'nowhere'")),
    "a Secret of a step that is not there": Bad(
        "There is no Secret 'nowhere'", f'.run_commands("false", {SECRET.format(chr(39) + "nowhere" + chr(39))})'
    ),
    "a Secret without its key": Bad(
        "Secret 'half' lacks the required key B", '.run_commands("false")', SECRET.format("'half', required_keys=['A', 'B']")
    ),
    "a key that is not legal": Bad("'a b'", options="secrets=[homeport.Secret.from_dict({'a b': '1'})]"),
    "a Secret's name that is not legal": Bad("'a b'", options=SECRET.format("'a b'")),
    "a Volume's name that is not legal": Bad("'a b'", options="volumes={'/v': homeport.Volume.from_name('a b')}"),
    "a Volume twice": Bad("is mounted twice", options=f"volumes={{'/a': {VOLUME}, '/b': {VOLUME}}}"),
    "a Volume over a system path": Bad("'/usr'", options=f"volumes={{'/usr': {VOLUME}}}"),
    "a Volume at ..": Bad("'/a/../b'", options=f"volumes={{'/a/../b': {VOLUME}}}"),
    "a vendor's registry": Bad("give `Image.from_registry` a Secret", before='homeport.Image.from_aws_ecr("x")'),
}


def text(bad: Bad) -> str:
    return FILE.format(
        before=bad.before, base=bad.base, image=bad.image, options=", ".join(filter(None, ["cpu=0.05", bad.options]))
    )


@pytest.fixture(scope="module")
def running(shared: Box) -> str:
    """The App 'bad' as it was when it was good."""
    (shared.root / "links").mkdir()
    (shared.root / "links/out").symlink_to("/etc")
    shared.ok("secret", "create", "half", "A=1", "--force")
    return shared.deploy("good", server("bad", "still here"))


@pytest.fixture
def untouched(shared: Box, running: str) -> Iterator[None]:
    """Fails the test if Apps, their history or containers are not as before."""

    with Client(config.find(config.Choice(data_dir=shared.data_dir), environ={}, home=shared.root)) as client:

        def state() -> object:
            return client.history("bad", "main"), client.containers("main", include_ended=True)

        before = state()
        yield
        assert state() == before
    assert shared.get(running).text == "still here"


def refused(box: Box, bad: Bad) -> Done:
    box.write("bad.py", text(bad))
    done = box.run("deploy", "bad.py")
    assert (done.code, done.out) == (1, ""), done
    assert bad.words in done.err, done.err
    assert "/homeport/" not in done.err.replace(str(Path(__file__).parents[2]), ""), done.err
    return done


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", BUILDS)
def test_a_build_that_fails_shows_why_in_the_words_of_its_step(shared: Box, kind: str) -> None:
    done = refused(shared, BUILDS[kind])
    *_, named = done.err.rpartition("homeport image logs ")
    said = shared.ok("image", "logs", named.split("`")[0])
    assert BUILDS[kind].words.split("\n")[0] in said


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_not_be_is_said_before_anything_is_built(shared: Box, kind: str) -> None:
    done = refused(shared, REFUSED[kind])
    assert "STEP" not in done.err
    assert done.err.splitlines()[-1].startswith("Error: ")


@pytest.mark.usefixtures("untouched")
def test_a_dockerfile_that_is_not_there_is_named(shared: Box) -> None:
    done = shared.run("image", "build", "-t", "x", "nowhere")
    assert (done.code, done.err) == (1, "Error: There is no Dockerfile in nowhere.\n")
    bad = Bad("There is no Dockerfile at", before='homeport.Image.from_dockerfile("nowhere/Dockerfile")')
    refused(shared, bad)


@pytest.mark.usefixtures("untouched")
def test_no_upload_to_a_volume_leaves_it(shared: Box) -> None:
    shared.ok("volume", "create", "closed")
    shared.write("x.txt", "x")
    for place in ("../x.txt", "/a/../../x.txt"):
        done = shared.run("volume", "put", "closed", "x.txt", place)
        assert (done.code, "Traceback" in done.err) == (1, False), done
        assert ".." in done.err
    assert shared.json("volume", "ls", "closed", "-r") == []
