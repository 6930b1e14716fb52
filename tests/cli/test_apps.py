"""`homeport app` against a platform that answers from a table."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from homeport.cli.main import run

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
HELLO, OTHER = "ap-0123456789abcdefghijkl", "ap-abcdefghijkl0123456789"
LIFE = {
    "state": "deployed",
    "version": 3,
    "created_at": "2026-11-21T09:00:00Z",
    "created_by": "ann",
    "deployed_at": "2026-11-21T10:00:00Z",
    "deployed_by": "bob",
    "stopped_at": None,
    "stopped_by": None,
}
INFO = {
    "description": "hello",
    "app_id": HELLO,
    "environment": "main",
    "lifecycle": LIFE,
    "functions": {},
    "servers": {"Server": {"id": "fu-1", "summary": "CPU · Unauthenticated", "url": "http://hello.localhost:8080"}},
}


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def an_app(app_id: str, name: str, tasks: str, **changed: Any) -> dict[str, Any]:
    told = {"app_id": app_id, "description": name, "state": "deployed", "version": 1, "tasks": tasks}
    return {**told, "created_at": "2026-11-21T10:00:00Z", "stopped_at": None, **changed}


def a_version(number: int, **changed: Any) -> dict[str, Any]:
    told = {"version": number, "time_deployed": "2026-11-21T10:00:00Z", "client": "0.1.0", "deployed_by": "bob"}
    more = {"commit": None, "tag": "", "type": "standard", "outcome": "live", "duration_ms": 6_912, "reason": ""}
    return {**told, **more, **changed}


def test_apps_are_listed_busiest_first(cli: Cli, platform: FakePlatform) -> None:
    stopped = an_app(OTHER, "other", "0", state="stopped", stopped_at="2026-11-21T11:00:00Z")
    platform.answers["GET /v1/apps"] = {"apps": [stopped, an_app(HELLO, "hello", "10")]}
    result = cli("app", "list")
    assert result.out == (
        "App ID                     Description  State     Tasks  Created at                 Stopped at\n"
        f"{HELLO}  hello        deployed  10     2026-11-21 10:00:00+00:00\n"
        f"{OTHER}  other        stopped   0      2026-11-21 10:00:00+00:00  2026-11-21 11:00:00+00:00\n"
    )
    assert platform.asked[0].query == {"environment": "main"}
    assert platform.asked[0].token == "Bearer ak-test.as-test"


def test_the_list_as_json_has_the_documented_keys_and_follows_limit(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/apps"] = {"apps": [an_app(OTHER, "other", "0"), an_app(HELLO, "hello", "1")]}
    [only] = cli("app", "list", "--json", "--limit", "1", "-e", "dev").json
    assert only["app_id"] == HELLO
    assert {"app_id", "description", "state", "tasks", "created_at", "stopped_at"} <= set(only)
    assert only["tasks"] == "1"
    assert platform.asked[0].query == {"environment": "dev"}


@pytest.mark.parametrize(("state", "words"), [("initializing", "initializing..."), ("stopping", "stopping...")])
def test_a_state_on_its_way_to_another_ends_in_dots(cli: Cli, platform: FakePlatform, state: str, words: str) -> None:
    """Semantics 1.2; scripts get the name of the state."""
    platform.answers["GET /v1/apps"] = {"apps": [an_app(HELLO, "hello", "0", state=state)]}
    platform.answers["GET /v1/apps/hello"] = {**INFO, "lifecycle": {**LIFE, "state": state}}
    assert f"  {words}  " in cli("app", "list").out
    assert f"State:       {words}\n" in cli("app", "info", "hello").out
    assert cli("app", "list", "--json").json[0]["state"] == state


def test_info_shows_the_live_version_and_the_servers(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/apps/hello"] = INFO
    assert cli("app", "info", "hello").out == (
        "App:         hello\n"
        f"App ID:      {HELLO}\n"
        "State:       deployed\n"
        "Deployment:  v3 · 2026-11-21 10:00:00+00:00 · bob\n"
        "Created:     2026-11-21 09:00:00+00:00 · ann\n"
        "Servers (1):\n"
        "  Server  fu-1  CPU · Unauthenticated\n"
        "    http://hello.localhost:8080\n"
    )
    assert cli("app", "info", "hello", "--json").json == INFO


def test_the_dashboard_is_an_address_on_stdout_and_no_browser_opens_without_a_terminal(
    cli: Cli, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:  # 1.9.7
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    platform.answers["GET /v1/apps/hello"] = INFO
    result = cli("app", "dashboard", "hello")
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(rf"http://127\.0\.0\.1:\d+/v1/apps/{HELLO}\n", result.out)
    assert opened == []


@pytest.mark.parametrize(("display", "opens"), [({"DISPLAY": ":0"}, True), ({"BROWSER": "w3m"}, True), ({}, False)])
def test_the_dashboard_opens_in_a_browser_where_a_terminal_and_one_are(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch, display: dict[str, str], *, opens: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in display.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal(io.BytesIO()))
    platform.answers["GET /v1/apps/hello"] = INFO
    assert run(["app", "dashboard", "hello"]) == 0
    assert [url.endswith(f"/v1/apps/{HELLO}") for url in opened] == ([True] if opens else [])


def test_history_leaves_out_the_tag_column_when_nothing_has_a_tag(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/apps/hello/history"] = {"history": [a_version(2), a_version(1, outcome="superseded")]}
    lines = cli("app", "history", "hello").out.splitlines()
    assert lines[0].split() == ["Version", "Time", "deployed", "Client", "Deployed", "by", "Commit", "Outcome"]
    assert lines[2].split() == ["v1", "2026-11-21", "10:00:00+00:00", "0.1.0", "bob", "superseded", "(6.9s)"]


def test_history_marks_dirty_commits_and_tells_why_a_version_failed(cli: Cli, platform: FakePlatform) -> None:
    commit = {"vcs": "git", "commit_hash": "0123456789" * 4, "dirty": True}
    failed = a_version(2, commit=commit, tag="v1", outcome="failed", reason="port 8000 never opened")
    platform.answers["GET /v1/apps/hello/history"] = {"history": [failed, a_version(1)]}
    out = cli("app", "history", "hello").out
    assert "0123456*" in out
    assert "failed (6.9s): port 8000 never opened" in out
    assert out.endswith("* - repo had uncommitted changes\n")
    first, _ = cli("app", "history", "hello", "--json").json
    assert {"version", "time_deployed", "client", "deployed_by", "commit", "tag"} <= set(first)


def test_history_tells_what_a_rollback_or_rollover_repeats(cli: Cli, platform: FakePlatform) -> None:
    rows = [a_version(3, type="rollover", rollback_version=2), a_version(2, type="rollback", rollback_version=1)]
    platform.answers["GET /v1/apps/hello/history"] = {"history": [*rows, a_version(1, rollback_version=None)]}
    lines = cli("app", "history", "hello").out.splitlines()
    assert [line.partition("bob")[2].strip() for line in lines[1:]] == [
        "live (6.9s, rollover of v2)",
        "live (6.9s, rollback to v1)",
        "live (6.9s)",
    ]


@pytest.fixture
def stoppable(platform: FakePlatform) -> FakePlatform:
    platform.answers = {
        "GET /v1/apps/hello": INFO,
        "GET /v1/containers": {"containers": [{}, {}]},
        f"POST /v1/apps/{HELLO}/stop": {"app_id": HELLO, "containers_ended": 2, "requests_cut": 0},
    }
    return platform


def test_stop_without_a_terminal_asks_and_does_nothing(cli: Cli, stoppable: FakePlatform) -> None:
    result = cli("app", "stop", "hello")
    assert result.err == (
        "Are you sure you want to stop App 'hello' in the 'main' environment?\n"
        "This will immediately terminate 2 running container(s).\n"
        "Aborted: no interactive terminal detected. Rerun with --yes (-y) to skip confirmation.\n"
    )
    assert (result.code, result.out) == (1, "")
    assert all(request.method == "GET" for request in stoppable.asked)


def test_stop_says_how_many_requests_it_cut(cli: Cli, stoppable: FakePlatform) -> None:
    stoppable.answers[f"POST /v1/apps/{HELLO}/stop"] = {"app_id": HELLO, "containers_ended": 2, "requests_cut": 3}
    assert cli("app", "stop", "hello", "--yes").out.splitlines()[-1] == "3 requests cut."


def test_stop_says_when_nothing_runs(cli: Cli, stoppable: FakePlatform) -> None:
    stoppable.answers["GET /v1/containers"] = {"containers": []}
    assert "No containers are currently running." in cli("app", "stop", "hello").err


def test_stop_with_yes_stops_it(cli: Cli, stoppable: FakePlatform) -> None:
    result = cli("app", "stop", "hello", "-y")
    assert (result.code, result.out) == (0, "✓ App 'hello' is stopped. 2 containers ended.\n")
    assert cli("app", "stop", "hello", "-y", "--json").json["containers_ended"] == 2


@pytest.mark.parametrize(("typed", "stopped"), [(b"y\n", True), (b"n\n", False), (b"", False)])
def test_stop_on_a_terminal_asks_on_stderr(
    stoppable: FakePlatform,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: bytes,
    *,
    stopped: bool,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(typed)))
    assert run(["app", "stop", "hello"]) == (0 if stopped else 1)
    shown = capsys.readouterr()
    assert "Continue? [y/N]: " in shown.err
    assert shown.out == ("✓ App 'hello' is stopped. 2 containers ended.\n" if stopped else "")
    assert (f"POST /v1/apps/{HELLO}/stop" in stoppable.paths()) is stopped


@pytest.mark.parametrize("options", [(), ("--yes",)])
def test_stopping_what_is_stopped_says_since_when(cli: Cli, stoppable: FakePlatform, options: tuple[str, ...]) -> None:
    life = {**LIFE, "state": "stopped", "stopped_at": "2026-11-21T11:00:00.375Z", "stopped_by": "ann"}
    stoppable.answers["GET /v1/apps/hello"] = {**INFO, "lifecycle": life}
    result = cli("app", "stop", "hello", *options)
    words = "App is already stopped. (Stopped at 2026-11-21 11:00:00+00:00 by 'ann')."
    assert (result.code, result.out, result.err) == (1, "", f"Error: {words}\n")


def test_nobody_is_named_who_stopped_an_app_that_ended_by_itself(cli: Cli, stoppable: FakePlatform) -> None:
    life = {**LIFE, "state": "stopped", "stopped_at": "2026-11-21T11:00:00.375Z", "stopped_by": ""}
    stoppable.answers["GET /v1/apps/hello"] = {**INFO, "lifecycle": life}
    assert cli("app", "stop", "hello").err == "Error: App is already stopped. (Stopped at 2026-11-21 11:00:00+00:00).\n"


def test_stopping_what_somebody_stopped_meanwhile_says_what_the_platform_says(cli: Cli, stoppable: FakePlatform) -> None:
    words = "App is already stopped. (Stopped at 2026-11-21 by 'x')."
    stoppable.answers[f"POST /v1/apps/{HELLO}/stop"] = (409, "conflict", words)
    assert cli("app", "stop", "hello", "--yes").err == f"Error: {words}\n"


def test_info_without_colour_has_none_on_a_terminal(platform: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.answers["GET /v1/apps/hello"] = INFO
    monkeypatch.setenv("TERM", "xterm")
    shown = []
    for options in ((), ("--no-color",)):
        screen = Terminal(io.BytesIO())
        monkeypatch.setattr(sys, "stdout", screen)
        assert run(["app", "info", "hello", *options]) == 0
        screen.flush()
        shown.append(screen.buffer.getvalue())  # type: ignore[attr-defined]  # a BytesIO
    assert (b"\x1b[" in shown[0], b"\x1b[" in shown[1]) == (True, False)


def test_an_unknown_app_is_one_line(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/apps/x"] = (404, "not_found", "No App with name 'x' found in the 'main' environment.")
    result = cli("app", "info", "x")
    assert (result.code, result.out, result.err) == (1, "", "Error: No App with name 'x' found in the 'main' environment.\n")
