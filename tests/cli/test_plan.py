"""`deploy --plan`: what it prints, what it exits with, and that it only asks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
HELLO = (
    "import homeport\n"
    "app = homeport.App('hello')\n"
    "@app.server(env={'KEY': 'top-secret'})\n"
    "class Server:\n"
    "    @homeport.enter()\n"
    "    def start(self): pass\n"
)
AGAINST = {"version": 3, "state": "live", "since": "2026-11-21T10:00:00.000Z", "manifest_digest": "c" * 64}


def a_plan(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "app_id": "ap-1",
        "app_name": "hello",
        "environment": "main",
        "noop": not changes,
        "manifest_digest": "c" * 64,
        "against": AGAINST,
        "version": 4 if changes else 3,
        "changes": list(changes),
        **more,
    }


def change(path: str, kind: str, before: object = None, after: object = None) -> dict[str, Any]:
    return {"path": path, "kind": kind, "before": before, "after": after}


@pytest.fixture(autouse=True)
def hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    (tmp_path / "hello.py").write_text(HELLO)


def test_changes_are_printed_field_by_field_and_the_exit_code_is_2(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/deployments/plan"] = a_plan(
        change("servers.Server.resources.cpu_milli", "changed", 125, 500),
        change("servers.Server.scale.max_containers", "changed", None, 3),
        change("servers.Server.resources.gpu", "changed", [], ["H100", "A100"]),
        change("servers.Server.env.KEY", "changed"),
        change("servers.Server.secrets", "reordered", ["a", "b"], ["b", "a"]),
        change("files.b.py", "added", after="0123456789ab (3 bytes)"),
        change("servers.old", "removed"),
    )
    result = cli("deploy", "hello.py", "--plan")
    assert (result.code, result.err) == (2, "")
    assert result.out == (
        "App 'hello' in the 'main' environment, compared with v3 (live):\n"
        "  ~ servers.Server.resources.cpu_milli: 125 → 500\n"
        "  ~ servers.Server.scale.max_containers: not set → 3\n"
        "  ~ servers.Server.resources.gpu: [] → [H100, A100]\n"
        "  ~ servers.Server.env.KEY: changed\n"
        "  ~ servers.Server.secrets: in another order\n"
        "  + files.b.py: 0123456789ab (3 bytes)\n"
        "  - servers.old\n"
        "Plan: 7 changes; deploying makes v4.\n"
    )


def test_a_no_op_says_why_it_is_one_and_the_exit_code_is_0(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/deployments/plan"] = a_plan()
    result = cli("deploy", "hello.py", "--plan")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "App 'hello' in the 'main' environment: nothing would change.\n"
        "It is the same manifest sha256:cccccccccccc as v3, live since 2026-11-21 10:00:00+00:00.\n"
    )


def test_a_new_app_is_told_as_new(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/deployments/plan"] = a_plan(change("name", "added", after="hello"), against=None, version=1)
    out = cli("deploy", "hello.py", "--plan").out
    assert out.splitlines()[0] == "App 'hello' in the 'main' environment, it would be new:"
    assert out.endswith("Plan: 1 change; deploying makes v1.\n")


@pytest.mark.parametrize("changes", [[], [change("name", "added", after="hello")]])
def test_json_is_the_answer_alone_with_the_same_exit_code(cli: Cli, platform: FakePlatform, changes: list[Any]) -> None:
    platform.answers["POST /v1/deployments/plan"] = a_plan(*changes)
    result = cli("deploy", "hello.py", "--plan", "--json")
    assert result.json == a_plan(*changes)
    assert result.code == (2 if changes else 0)


def test_only_one_question_is_asked_and_nothing_is_uploaded(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/deployments/plan"] = a_plan()
    cli("deploy", "hello.py", "--plan", "--name", "other", "-e", "dev")
    assert platform.paths() == ["POST /v1/deployments/plan"]
    body = platform.asked[0].body
    assert (body["manifest"]["name"], body["environment"]) == ("other", "dev")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ((), None),
        (("hello.py", "--bogus"), None),
        (("hello.py", "--strategy", "x"), None),
        (("hello.py", "--tag", "a b"), None),
        (("nothing.py",), None),
        (("a:b",), None),
        (("hello.py",), (409, "conflict", "The address belongs to another App.")),
    ],
)
def test_every_error_exits_with_1_so_that_it_is_no_change(
    cli: Cli, platform: FakePlatform, arguments: tuple[str, ...], answer: Any
) -> None:
    platform.answers["POST /v1/deployments/plan"] = answer
    result = cli("deploy", *arguments, "--plan")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: ")
