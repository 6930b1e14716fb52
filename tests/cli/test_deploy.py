"""`homeport deploy`: what it prints, sends and refuses, with the real SDK and a platform that answers from a table."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import homeport.sdk.deploy
from homeport.sdk import events

from .conftest import FakePlatform, Result

HELLO = """
import homeport

app = homeport.App("hello-server")

@app.server()
class Server:
    @homeport.enter()
    def start(self):
        pass
"""
URL = "http://home--hello-server-server.us-east.localhost:8080"
APP_URL = "http://127.0.0.1:7300/apps/hello-server"
Cli = Callable[..., Result]


def published(**changed: Any) -> tuple[str, dict[str, Any]]:
    servers = [{"name": "Server", "object_id": "fu-1", "url": URL}]
    told = {"app_id": "ap-1", "app_name": "hello-server", "version": 3, "noop": False, "app_url": "", "servers": servers}
    return "published", {**told, **changed}


def moved(state: str, version: int = 3) -> tuple[str, dict[str, Any]]:
    return "container", {
        "container_id": f"ta-{version}",
        "server": "Server",
        "version": version,
        "state": state,
        "reason": "",
    }


def settled(state: str, **changed: Any) -> tuple[str, dict[str, Any]]:
    return "settled", {"version": 3, "state": state, "reason": "", "log_tail": [], "duration_ms": 400, **changed}


@pytest.fixture
def hello(tmp_path: Path, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "hello.py").write_text(HELLO)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", list(sys.path))
    platform.answers = {
        "POST /v1/blobs/missing": {"missing": []},
        "POST /v1/deployments": [published(), moved("starting"), moved("ready"), moved("draining", 2), settled("live")],
    }
    return folder


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d{3}s", "0.412s", text)


def test_a_deploy_prints_the_tree_on_stdout_and_the_rollout_on_stderr(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    result = cli("deploy", "hello.py", "--tag", "v1", "--strategy", "recreate")
    assert timeless(result.out) == (
        "✓ Created objects.\n"
        f"├── 🔨 Mounted {hello}/hello.py at /root/hello.py\n"
        f"└── 🔨 Created Server => {URL}\n"
        "✓ App deployed in 0.412s! 🎉\n"
        "\n"
        "View Deployment: homeport app info hello-server\n"
    )
    assert result.err == (
        "Server v3: ta-3 is starting\n"
        "Server v3: ta-3 is ready\n"
        "Server v2: ta-2 takes no more requests and finishes those it has\n"
    )
    assert result.code == 0
    request = platform.asked[-1]
    assert (request.body["tag"], request.body["strategy"], request.query) == ("v1", "recreate", {"wait": "true"})


def test_the_app_page_is_named_when_there_is_one(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    platform.answers["POST /v1/deployments"] = [published(app_url=APP_URL), settled("live")]
    lines = cli("deploy", "hello.py").out.splitlines()
    assert lines[0] == f"✓ Initialized. View app page at {APP_URL}."
    assert lines[-2:] == ["", f"View Deployment: {APP_URL}"]


def test_a_deploy_that_changes_nothing_says_so(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    platform.answers["POST /v1/deployments"] = [published(noop=True, app_url=APP_URL)]
    result = cli("deploy", "hello.py")
    assert result.out == f"✓ Deployment skipped: no changes detected! ⏭️\n\nView Deployment: {APP_URL}\n"
    assert (result.code, result.err) == (0, "")


def test_json_stands_alone_on_stdout_even_if_the_file_prints(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    (hello / "hello.py").write_text("print('loading')\n" + HELLO)
    result = cli("deploy", "hello.py", "--json")
    assert result.json == {
        "app_id": "ap-1",
        "app_name": "hello-server",
        "version": 3,
        "state": "live",
        "noop": False,
        "app_url": "",
        "servers": [{"name": "Server", "object_id": "fu-1", "url": URL}],
        "duration_ms": 400,
        "containers_left": 0,
        "requests_cut": 0,
        "rollback_version": None,
        "reason": "",
    }
    assert "loading" in result.err


def test_recreate_says_that_it_ends_the_old_containers_and_warns_of_those_that_are_left(
    cli: Cli, platform: FakePlatform, hello: Path
) -> None:  # 1.4.13
    ending = ("progress", {"stage": "terminate", "message": "Terminating running containers"})
    platform.answers["POST /v1/deployments"] = [published(), ending, settled("live", containers_left=2)]
    result = cli("deploy", "hello.py", "--strategy", "recreate")
    lines = timeless(result.out).splitlines()
    assert lines[3:5] == ["🧹 Terminating running containers", "✓ App deployed in 0.412s! 🎉"]
    assert result.code == 0
    assert result.err == (
        "Warning: App updated successfully, but containers did not all terminate. "
        "Containers did not terminate in under 40 seconds.\n"
    )


def test_build_output_and_progress_go_to_stderr(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    building = [("progress", {"stage": "image", "message": "Building the image"}), ("build", {"line": "STEP 1: FROM slim"})]
    platform.answers["POST /v1/deployments"] = [*building, published(), settled("live")]
    result = cli("deploy", "hello.py")
    assert result.err == "Building the image\nSTEP 1: FROM slim\n"
    assert "STEP" not in result.out


def test_not_waiting_ends_when_it_is_published(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    platform.answers["POST /v1/deployments"] = [published()]
    result = cli("deploy", "hello.py", "--no-wait")
    assert (result.code, platform.asked[-1].query) == (0, {"wait": "false"})
    assert "homeport app history hello-server" in result.err


def test_a_failed_rollout_shows_the_containers_last_lines_and_exits_with_1(
    cli: Cli, platform: FakePlatform, hello: Path
) -> None:
    tail = ["Traceback (most recent call last):", '  File "/root/hello.py", line 9, in start', "ValueError: no"]
    failed = settled("failed", reason="its enter method raised ValueError", log_tail=tail)
    platform.answers["POST /v1/deployments"] = [published(), failed]
    result = cli("deploy", "hello.py")
    assert result.code == 1
    assert '      File "/root/hello.py", line 9, in start\n' in result.err
    assert result.err.splitlines()[-1].startswith("Error: Version v3 of App 'hello-server' did not become live: its enter")
    assert "App deployed" not in result.out


def test_a_superseded_deployment_is_no_success(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    platform.answers["POST /v1/deployments"] = [published(), settled("superseded", reason="the App was stopped")]
    result = cli("deploy", "hello.py")
    assert result.code == 1
    assert "did not become live: the App was stopped; see `homeport app history hello-server`" in result.err
    assert "App deployed" not in result.out


def test_a_failed_build_is_one_line(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    platform.answers["POST /v1/deployments"] = [
        ("error", {"code": "image_build", "message": "Image build failed at step 1."})
    ]
    result = cli("deploy", "hello.py")
    assert (result.code, result.out, result.err) == (1, "", "Error: Image build failed at step 1.\n")


def test_an_interrupt_says_that_the_deployment_goes_on(cli: Cli, hello: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[events.DeployEvent]:
        server = events.DeployedServer("Server", "fu-1", URL)
        yield events.Published("ap-1", "hello-server", 3, False, "", (server,))
        raise KeyboardInterrupt

    monkeypatch.setattr(homeport.sdk.deploy, "deploy", interrupted)
    result = cli("deploy", "hello.py")
    assert result.code == 130
    assert result.err == "The deployment of v3 of App 'hello-server' goes on; see `homeport app history hello-server`.\n"


def test_logs_are_streamed_afterwards(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    entry = {"timestamp": "2026-11-21T10:00:00Z", "source": "stdout", "container_id": "ta-3", "text": "serving"}
    platform.answers["GET /v1/apps/ap-1/logs"] = [("log", entry), ("end", {})]
    result = cli("deploy", "hello.py", "--stream-logs", "--timestamps")
    assert result.out.endswith("\n2026-11-21 10:00:00+00:00 serving\n")
    assert platform.asked[-1].query["follow"] == "true"


@pytest.mark.parametrize(
    "case",
    [
        (["hello.py", "--strategy", "blue"], 2, "must be 'rolling' or 'recreate', not 'blue'"),
        (["hello.py", "--tag", "a b"], 2, "Deployment tag 'a b' is invalid."),
        (["hello.py:app"], 2, "hello.py::app"),
        (["hello.app"], 2, "-m hello.app"),
        (["-m", "hello.py"], 2, "-m"),
        (["missing.py"], 1, "no file missing.py"),
        (["notes.txt"], 1, "not a Python file"),
        (["raises.py"], 1, "raises.py can't be loaded: ValueError: no"),
        (["empty.py"], 1, "defines no App"),
        (["two.py"], 1, "two.py::a"),
        (["hello.py::nope"], 1, "no App called 'nope'"),
        (["hello.py", "--name", "not/legal"], 1, "Invalid App name"),
        ([], 2, "Missing argument 'APP_REF'. Try 'homeport deploy --help'."),
        (["hello.py", "--nope"], 2, "--nope"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_published(
    cli: Cli, platform: FakePlatform, hello: Path, case: tuple[list[str], int, str]
) -> None:
    argv, code, words = case
    (hello / "notes.txt").write_text("hello")
    (hello / "raises.py").write_text("def f():\n    raise ValueError('no')\nf()\n")
    (hello / "empty.py").write_text("x = 1\n")
    (hello / "two.py").write_text("import homeport\na = homeport.App('a')\nb = homeport.App('b')\n")
    result = cli("deploy", *argv)
    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert result.err.splitlines()[-1].startswith("Error: ")
    assert platform.asked == []


def test_a_file_that_raises_shows_the_users_own_lines_only(cli: Cli, hello: Path) -> None:
    (hello / "raises.py").write_text("def f():\n    raise ValueError('no')\nf()\n")
    err = cli("deploy", "raises.py").err
    assert "raises.py" in err
    assert "line 2, in f" in err
    assert "homeport/cli" not in err
    assert "homeport/sdk" not in err


def test_a_deploy_of_what_is_on_its_way_fails_with_it(cli: Cli, platform: FakePlatform, hello: Path) -> None:
    waiting = ("progress", {"stage": "rollout", "message": "v3 is the same, and on its way; waiting for it"})
    platform.answers["POST /v1/deployments"] = [published(noop=True, under_way=True), waiting, settled("failed")]
    result = cli("deploy", "hello.py")
    assert (result.code, result.out) == (1, "")
    said, error = result.err.splitlines()
    assert said == "v3 is the same, and on its way; waiting for it"
    assert error.startswith("Error: Version v3 of App 'hello-server' did not become live")
