"""`homeport app rollover` and `app rollback`: the documented words, exit codes and what is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from homeport.client.http import Client
from homeport.client.stream import Event

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
ROLLBACK, ROLLOVER = "POST /v1/apps/hello/rollback", "POST /v1/apps/hello/rollover"
APP_URL = "http://127.0.0.1:7300/v1/apps/ap-1"
ENDING = ("progress", {"stage": "terminate", "message": "Terminating running containers"})
LEFT = (
    "Warning: App updated successfully, but containers did not all terminate. "
    "Containers did not terminate in under 40 seconds."
)


def published(**changed: Any) -> tuple[str, dict[str, Any]]:
    told = {"app_id": "ap-1", "app_name": "hello", "version": 4, "noop": False, "app_url": APP_URL, "servers": []}
    return "published", {**told, "type": "rollback", "rollback_version": 2, **changed}


def settled(state: str = "live", **changed: Any) -> tuple[str, dict[str, Any]]:
    told = {"version": 4, "state": state, "reason": "", "log_tail": [], "duration_ms": 400, "containers_left": 0}
    return "settled", {**told, **changed}


@pytest.fixture(autouse=True)
def answers(platform: FakePlatform) -> None:
    platform.answers = {ROLLBACK: [published(), settled()], ROLLOVER: [published(), settled()]}


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d{3}s", "1.234s", text)


@pytest.mark.parametrize("strategy", ["rolling", "recreate"])
def test_a_rollover_says_what_is_documented(cli: Cli, platform: FakePlatform, strategy: str) -> None:  # 1.6.4
    result = cli("app", "rollover", "hello", "--strategy", strategy, "-e", "dev")
    assert timeless(result.out) == (
        f"🔨 Starting app rollover with {strategy} strategy\n"
        f"✓ Rollover completed in 1.234s with {strategy} strategy! 🎉\n"
        "\n"
        f"View Deployment: {APP_URL}\n"
    )
    assert (result.code, result.err) == (0, "v4 is v2 once more\n")
    (asked,) = platform.asked
    assert asked.query == {"environment": "dev", "wait": "true"}
    assert (asked.body["strategy"], set(asked.body)) == (strategy, {"strategy", "request_id"})


def test_a_rollover_that_leaves_old_containers_ends_with_1(cli: Cli, platform: FakePlatform) -> None:  # 1.6.5
    platform.answers[ROLLOVER] = [published(), ENDING, settled(containers_left=1)]
    result = cli("app", "rollover", "hello", "--strategy", "recreate")
    assert result.code == 1
    assert result.out.splitlines()[1:] == ["🧹 Terminating running containers", "", f"View Deployment: {APP_URL}"]
    assert result.err.splitlines()[-1] == LEFT


@pytest.mark.parametrize(("typed", "sent"), [([], None), (["v3"], 3), (["v0"], 0), (["v99"], 99)])
def test_a_rollback_says_what_is_documented(cli: Cli, platform: FakePlatform, typed: list[str], sent: int | None) -> None:
    result = cli("app", "rollback", "hello", *typed)  # 1.7.7
    assert result.out == f"✓ Deployment rollback successful!\n\nView Deployment: {APP_URL}\n"
    assert result.code == 0
    assert platform.asked[0].body["version"] == sent
    assert platform.asked[0].body["strategy"] == "rolling"


@pytest.mark.parametrize("typed", ["3", "V3", "v", "v-1", "v3.0", "v٣", "latest", ""])
def test_a_version_that_is_not_written_like_v3_is_a_usage_error(cli: Cli, platform: FakePlatform, typed: str) -> None:
    result = cli("app", "rollback", "hello", typed)  # 1.7.1
    assert (result.code, result.out) == (2, "")
    assert result.err == f"Error: Invalid version {typed!r}: write it as `homeport app history` shows it, like v3.\n"
    assert platform.asked == []


@pytest.mark.parametrize("verb", ["rollback", "rollover"])
def test_an_unknown_strategy_is_a_usage_error(cli: Cli, platform: FakePlatform, verb: str) -> None:
    result = cli("app", verb, "hello", "--strategy", "blue")
    assert (result.code, platform.asked) == (2, [])
    assert result.err == "Error: Deployment strategy must be 'rolling' or 'recreate', not 'blue'\n"


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "invalid", "App 'hello' is not deployed in the 'main' environment."),
        (400, "invalid", "Rollback request exceeds number of App deployments."),
        (404, "not_found", "Rollback version not found in App history."),
    ],
)
def test_what_the_platform_refuses_is_one_line(cli: Cli, platform: FakePlatform, status: int, code: str, words: str) -> None:
    platform.answers[ROLLBACK] = (status, code, words)
    result = cli("app", "rollback", "hello")
    assert (result.code, result.out, result.err) == (1, "", f"Error: {words}\n")


def test_a_rollback_that_fails_shows_the_containers_last_lines(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[ROLLBACK] = [published(), settled("failed", reason="it ended", log_tail=["no such model"])]
    result = cli("app", "rollback", "hello")
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[1:] == [
        "The container's last lines:",
        "    no such model",
        "Error: Version v4 of App 'hello' did not become live: it ended. The version before it goes on.",
    ]


def test_a_rollback_that_fails_without_a_log_promises_none(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[ROLLBACK] = [published(), settled("failed", reason="there was no room")]
    assert "last lines" not in cli("app", "rollback", "hello").err


def test_a_rollback_that_was_overtaken_says_so(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[ROLLBACK] = [published(), settled("superseded", reason="superseded by v5")]
    result = cli("app", "rollback", "hello")
    assert (result.code, result.out) == (1, "")
    assert "v4 of App 'hello' did not become live: superseded by v5; see" in result.err


@pytest.mark.parametrize(("verb", "deployed"), [("rollback", 1), ("rollover", 2)])
def test_requests_that_were_cut_are_counted(cli: Cli, platform: FakePlatform, verb: str, deployed: int) -> None:
    platform.answers = {ROLLBACK: [published(), settled(requests_cut=2)], ROLLOVER: [published(), settled(requests_cut=2)]}
    lines = cli("app", verb, "hello").out.splitlines()
    assert lines[deployed].startswith("2 requests were cut")
    assert lines[deployed + 1 :] == ["", f"View Deployment: {APP_URL}"]


@pytest.mark.parametrize("verb", ["rollback", "rollover"])
def test_a_stream_that_ends_before_the_deployment_did_says_what_ended(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(f"homeport.sdk.redeploy.{verb}", lambda *_: iter(()))
    result = cli("app", verb, "hello")
    words = "Error: The deployment's stream ended without an outcome; see `homeport app history`.\n"
    assert (result.code, result.err) == (1, words)


@pytest.mark.parametrize("verb", ["rollback", "rollover"])
def test_not_waiting_claims_no_success(cli: Cli, platform: FakePlatform, verb: str) -> None:
    platform.answers = {ROLLBACK: [published()], ROLLOVER: [published()]}
    result = cli("app", verb, "hello", "--no-wait")
    assert (result.code, "✓" in result.out) == (0, False)
    assert result.err.splitlines()[-1] == "Not waiting for v4 to be live; see `homeport app history hello`."
    assert platform.asked[0].query["wait"] == "false"


@pytest.mark.parametrize("verb", ["rollback", "rollover"])
def test_json_stands_alone_on_stdout(cli: Cli, platform: FakePlatform, verb: str) -> None:
    platform.answers = {ROLLBACK: [published(), ENDING, settled()], ROLLOVER: [published(), ENDING, settled()]}
    value = cli("app", verb, "hello", "--json").json
    assert (value["version"], value["rollback_version"], value["state"]) == (4, 2, "live")


@pytest.mark.parametrize(
    ("verb", "cancelled", "words"),
    [
        ("rollback", True, "Cancelled before it was published; nothing has changed."),
        ("rollover", True, "Cancelled before it was published; nothing has changed."),
        ("rollover", False, "It was published already, and goes on without this command; see `homeport app history`."),
    ],
)
def test_an_interrupt_before_it_is_published_takes_it_back(  # noqa: PLR0913 - three of them are one case
    cli: Cli, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch, verb: str, cancelled: bool, words: str
) -> None:
    def interrupted(*_: object) -> Iterator[Event]:
        yield Event("progress", {"stage": "check", "message": "Checking v1 of hello"})
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, verb, interrupted)
    monkeypatch.setattr("secrets.token_hex", lambda _: "r1")
    platform.answers["DELETE /v1/deployments/r1"] = {"request_id": "r1", "cancelled": cancelled}
    result = cli("app", verb, "hello")
    assert (result.code, result.err) == (130, f"Checking v1 of hello\nWarning: {words}\n")
