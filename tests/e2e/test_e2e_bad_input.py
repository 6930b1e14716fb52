"""Bad input: each time one clear sentence, the right exit code, and the platform as it was before."""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e_harness import REQUEST_LIMIT_S, Answer, Box, Done
from e2e_sources import server

from free_ports import free_ports

ROOMY_BYTES = 3 << 30
NO_ID = "ap-" + "0" * 22
HEAD = 'import homeport\napp = homeport.App("{name}")\n'
ENTER = "    @homeport.enter()\n    def start(self):\n        pass\n"


def one_class(body: str, options: str = "") -> str:
    return f"{HEAD.format(name='bad')}@app.server({options})\nclass Server:\n{body}"


@dataclass(frozen=True)
class Bad:
    """A file that is refused: its text, the exit code, and words of the sentence."""

    text: str
    words: str
    code: int = 1


BAD_FILES = {
    "not Python": Bad("this is not python\n", "line 1"),
    "raises on import": Bad("import homeport\nraise ValueError('no config')\n", "ValueError: no config"),
    "no App": Bad("x = 1\n", "bad.py defines no App; write `app = homeport.App('my-app')`"),
    "two Apps": Bad("import homeport\na = homeport.App('a')\nb = homeport.App('b')\n", "Pick one, as in"),
    "no enter": Bad(one_class("    pass\n"), "Server class must have an @modal.enter() to setup the server."),
    "own __init__": Bad(one_class(ENTER + "    def __init__(self):\n        pass\n"), "__init__"),
    "a method": Bad(one_class(ENTER + "    @homeport.method()\n    def m(self):\n        pass\n"), "method"),
    "port 0": Bad(one_class(ENTER, "port=0"), "Port must be a positive integer between 1 and 65535."),
    "startup_timeout 0": Bad(one_class(ENTER, "startup_timeout=0"), "The `startup_timeout` argument must be positive."),
    "illegal App name": Bad(
        f'import homeport\napp = homeport.App("a name with spaces")\n@app.server()\nclass S:\n{ENTER}', "name"
    ),
    "a GPU": Bad(one_class(ENTER, 'gpu="H100"'), "GPU"),
    "unknown region": Bad(one_class(ENTER, 'routing_region="mars"'), "mars"),
    "more memory than there is": Bad(one_class(ENTER, "memory=100_000_000"), "memory"),
}


def sentence(done: Done) -> str:
    """The one line that says what is wrong. No traceback of ours is beside it."""
    assert "homeport/" not in done.err.replace("/homeport/tests", ""), done.err
    *_, last = done.err.splitlines()
    assert last.startswith("Error: "), done.err
    return last


@pytest.fixture
def unchanged(box: Box) -> Iterator[None]:
    """Fails the test if it changed Apps or containers."""

    def state() -> object:
        return box.json("app", "list"), box.json("container", "list", "--all")

    before = state()
    yield
    assert state() == before


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_in_words(box: Box, kind: str) -> None:
    bad = BAD_FILES[kind]
    done = box.run("deploy", str(box.write("bad.py", bad.text)))
    assert (done.code, done.out) == (bad.code, ""), done
    assert bad.words in done.err, done.err
    sentence(done)


@pytest.mark.usefixtures("unchanged")
def test_a_bad_command_line_is_a_usage_error_or_says_what_is_missing(box: Box) -> None:
    good = str(box.write("good.py", server("good")))
    cases = {
        ("deploy", "nowhere.py"): (1, "There is no file nowhere.py"),
        ("deploy", good, "--strategy", "big-bang"): (
            2,
            "Deployment strategy must be 'rolling' or 'recreate', not 'big-bang'",
        ),
        ("deploy", good, "--name", "no good"): (1, "name"),
        ("deploy", good, "--tag", "a b"): (2, "Deployment tag"),
        ("deploy", f"{good}::nothing"): (1, "has no App called 'nothing'"),
        ("deploy", f"{good}:app"): (2, "::"),
        ("deploy", "some.module"): (2, "-m"),
        ("deploy",): (2, "APP_REF"),
        ("deploy", good, "--colour"): (2, "--colour"),
        ("app", "info", "nobody"): (1, "No App with name 'nobody' found in the 'main' environment."),
        ("app", "info", NO_ID): (1, f"There is no App with the id '{NO_ID}'"),
        ("app", "dashboard", "nobody"): (1, "No App with name 'nobody' found in the 'main' environment."),
        ("app", "stop", "nobody", "--yes"): (1, "No App with name 'nobody'"),
        ("container", "exec", "ta-nobody", "ls"): (1, "ta-nobody"),
        ("server", "info", "nobody/Server"): (1, "nobody"),
    }
    for arguments, (code, words) in cases.items():
        done = box.run(*arguments)
        assert (done.code, done.out) == (code, ""), (arguments, done)
        assert words in done.err, (arguments, done.err)
        assert "Traceback" not in done.err, (arguments, done.err)


def test_one_of_two_apps_is_picked_by_its_variable(box: Box) -> None:
    text = server("picked") + '\nother = homeport.App("never-picked")\n'
    path = box.write("picks.py", text)
    box.ok("deploy", f"{path}::app")
    names = {app["description"] for app in box.json("app", "list")}
    assert ("picked" in names, "never-picked" in names) == (True, False)


@pytest.mark.usefixtures("unchanged")
def test_without_a_platform_every_command_says_how_to_start_one(box: Box, tmp_path: Path) -> None:
    good = str(box.write("good.py", server("good")))
    (port,) = free_ports(1)
    for arguments in (("deploy", good), ("app", "list"), ("container", "list"), ("status",)):
        done = box.run(*arguments, HOMEPORT_DATA_DIR=str(tmp_path / "none"))
        assert (done.code, "homeport up" in sentence(done)) == (1, True), done
        elsewhere = {"HOMEPORT_SERVER_URL": f"http://127.0.0.1:{port}", "HOMEPORT_TOKEN_ID": "ak-x"}
        done = box.run(*arguments, **elsewhere, HOMEPORT_TOKEN_SECRET="as-x")
        assert (done.code, f"127.0.0.1:{port}" in done.err) == (1, True), done


@pytest.mark.usefixtures("unchanged")
def test_a_wrong_token_is_refused_and_its_origin_named(box: Box) -> None:
    done = box.run("app", "list", HOMEPORT_TOKEN_ID="ak-wrong", HOMEPORT_TOKEN_SECRET="as-wrong")
    assert done.code == 1
    assert "HOMEPORT_TOKEN_ID" in sentence(done)
    assert "as-wrong" not in done.err
    connection = http.client.HTTPConnection("127.0.0.1", box.api_port, timeout=REQUEST_LIMIT_S)
    connection.request("GET", "/v1/apps")
    assert connection.getresponse().status == 401
    connection.close()


def test_a_data_dir_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    theirs = Box(tmp_path)
    theirs.data_dir.mkdir()
    (theirs.data_dir / "thesis.txt").write_text("years of work")
    done = theirs.run("up", "--detach", "--api-port", str(theirs.api_port), "--http-port", str(theirs.http_port))
    assert (done.code, "✗ data dir" in done.err, "--data-dir DIR" in done.err) == (1, True, True), done
    assert [path.name for path in theirs.data_dir.iterdir()] == ["thesis.txt"]
    assert theirs.leftovers() == []


def test_a_port_that_is_taken_is_named_with_the_way_out(box: Box, tmp_path: Path) -> None:
    second = Box(tmp_path)
    done = second.run("up", "--detach", "--api-port", str(box.api_port), "--http-port", str(second.http_port))
    assert done.code == 1
    assert str(box.api_port) in done.err
    assert "--api-port" in done.err
    assert second.leftovers() == []


def test_a_corrupt_blob_is_found_and_the_next_deploy_heals_it(box: Box) -> None:
    box.write("torn/__init__.py", "")
    box.write("torn/words.py", "# these words are damaged later\n")
    box.write("torn/web.py", server("torn", "one"))
    box.ok("deploy", "-m", "torn.web")
    url = box.json("server", "info", "torn/Server")["url"]
    before = (box.containers("torn"), box.json("app", "history", "torn"))
    files = [path for path in (box.data_dir / "blobs").rglob("*") if path.is_file()]
    (blob,) = [path for path in files if b"damaged later" in path.read_bytes()]
    os.truncate(blob, 10)
    box.write("torn/web.py", server("torn", "two"))
    done = box.run("deploy", "-m", "torn.web")
    assert done.code == 1
    assert "words.py" in sentence(done)
    assert "deploy again" in sentence(done)
    assert (box.containers("torn"), box.json("app", "history", "torn")) == before
    assert box.get(url) == Answer(200, "one")
    box.ok("deploy", "-m", "torn.web")
    assert box.get(url) == Answer(200, "two")


def test_a_disk_that_is_full_refuses_the_upload_and_what_runs_goes_on(tmp_path: Path) -> None:
    small = Box(tmp_path)
    small.data_dir.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOMY_BYTES}", "none", small.data_dir], check=True)
    try:
        small.up()
        try:
            _fill_and_deploy(small)
        finally:
            small.down()
    finally:
        subprocess.run(["umount", small.data_dir], check=True)
    small.leaves_nothing()


def _fill_and_deploy(small: Box) -> None:
    url = small.deploy("web", server("web", "one"))
    before = small.containers("web")
    _resize(small, _used_bytes(small) + (1 << 20))
    small.write("big/__init__.py", "")
    small.write("big/web.py", server("web", "two"))
    small.write("big/data.bin", "x" * 4_000_000)
    done = small.run("deploy", "-m", "big.web")
    assert done.code == 1
    assert "disk" in sentence(done)
    assert small.get(url) == Answer(200, "one")
    assert small.containers("web") == before
    _resize(small, ROOMY_BYTES)
    small.ok("deploy", "-m", "big.web")
    assert small.get(url) == Answer(200, "two")


def _resize(small: Box, size_bytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size_bytes}", small.data_dir], check=True)


def _used_bytes(small: Box) -> int:
    room = os.statvfs(small.data_dir)
    return (room.f_blocks - room.f_bfree) * room.f_frsize
