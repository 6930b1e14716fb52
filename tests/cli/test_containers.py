"""`homeport container` and `homeport server` against a platform that answers from a table."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
READY = {
    "container_id": "ta-1",
    "app_id": "ap-1",
    "app_name": "hello",
    "server": "Server",
    "version": 3,
    "state": "ready",
    "reason": "",
    "host": "10.1.0.2",
    "port": 8000,
    "started_at": "2026-11-21T10:00:00Z",
    "exit_code": None,
}
PENDING = {**READY, "container_id": "ta-2", "state": "pending", "reason": "no room", "host": "", "started_at": None}


def chunk(name: str, data: bytes) -> tuple[str, dict[str, str]]:
    return name, {"data": base64.b64encode(data).decode()}


def test_containers_are_listed(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/containers"] = {"containers": [READY, PENDING]}
    header, first, second = cli("container", "list").out.splitlines()
    assert header.split("  ")[0] == "Container ID"
    assert first.split() == [
        "ta-1",
        "ap-1",
        "hello",
        "Server",
        "v3",
        "ready",
        "10.1.0.2:8000",
        "2026-11-21",
        "10:00:00+00:00",
    ]
    assert second.split() == ["ta-2", "ap-1", "hello", "Server", "v3", "pending", "Pending", "no", "room"]


def test_why_a_container_ended_comes_last_with_the_requests_that_it_cost(cli: Cli, platform: FakePlatform) -> None:
    ended = {**READY, "state": "ended", "reason": "replaced by v4; its grace period was over", "requests_cut": 2}
    platform.answers["GET /v1/containers"] = {"containers": [ended, {**READY, "requests_cut": 0}]}
    header, first, second = cli("container", "list", "--all").out.splitlines()
    assert header.endswith("  Why")
    assert first.endswith("  replaced by v4; its grace period was over; 2 requests cut")
    assert second.endswith("+00:00")


@pytest.mark.parametrize("option", ["--app", "--app-id"])
def test_the_list_as_json_is_the_platforms_and_can_be_narrowed(cli: Cli, platform: FakePlatform, option: str) -> None:
    platform.answers["GET /v1/containers"] = {"containers": [READY]}
    assert cli("container", "list", option, "hello", "--all", "--json").json == [READY]
    assert platform.asked[0].query == {"environment": "main", "app": "hello", "all": "true"}


def test_exec_passes_everything_after_the_id_and_the_exit_code(cli: Cli, platform: FakePlatform) -> None:
    output = [chunk("stdout", b"out\x00"), chunk("stderr", b"err")]
    platform.answers["POST /v1/containers/ta-1/exec"] = [*output, ("exit", {"exit_code": 7})]
    argv = ["sh", "-c", "exit 7", "--json", "-h"]
    result = cli("container", "exec", "ta-1", *argv, stdin=b"in")
    assert (result.code, result.out, result.err) == (7, "out\x00", "err")
    assert platform.asked[0].body == {"argv": argv, "stdin": base64.b64encode(b"in").decode()}


def test_exec_takes_a_double_dash_before_the_command(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/containers/ta-1/exec"] = [("exit", {"exit_code": 0})]
    assert cli("container", "exec", "ta-1", "--", "ls", "--", "-l").code == 0
    assert platform.asked[0].body["argv"] == ["ls", "--", "-l"]


@pytest.mark.parametrize("argv", [["ta-1"], ["ta-1", "--"], []])
def test_exec_without_a_command_is_a_usage_error(cli: Cli, platform: FakePlatform, argv: list[str]) -> None:
    assert cli("container", "exec", *argv).code == 2
    assert platform.asked == []


def test_exec_that_is_cut_is_an_error(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/containers/ta-1/exec"] = [chunk("stdout", b"out")]
    result = cli("container", "exec", "ta-1", "ls")
    assert (result.code, result.out) == (1, "out")
    assert result.err.startswith("Error: ")


def test_a_container_is_stopped_with_yes_only(cli: Cli, platform: FakePlatform) -> None:
    answer = {"container_id": "ta-1", "state": "ended", "requests_cut": 0}
    platform.answers["POST /v1/containers/ta-1/stop"] = answer
    assert cli("container", "stop", "ta-1").code == 1
    assert platform.asked == []
    assert cli("container", "stop", "ta-1", "--yes").out == "✓ Container 'ta-1' has ended.\n"
    assert cli("container", "stop", "ta-1", "--yes", "--json").json == answer
    platform.answers["POST /v1/containers/ta-1/stop"] = {**answer, "requests_cut": 1}
    assert cli("container", "stop", "ta-1", "--yes").out == "✓ Container 'ta-1' has ended.\n1 request cut.\n"


def test_graceful_is_for_containers_of_functions(cli: Cli, platform: FakePlatform) -> None:  # 3.7.9
    result = cli("container", "stop", "ta-1", "--graceful", "--yes")
    assert (result.code, result.out, platform.asked) == (2, "", [])
    assert "exit_grace_period" in result.err


SERVER = {
    "server_name": "Server",
    "object_id": "fu-1",
    "app_id": "ap-1",
    "app_name": "hello",
    "url": "http://hello.localhost:8080",
    "port": 8000,
    "unauthenticated": True,
    "h2_enabled": False,
    "routing_region": "us-east",
    "startup_timeout": 30,
    "exit_grace_period": 0,
    "cpu": 0.125,
    "memory_mib": 128,
    "version": 3,
    "containers": 1,
}


def test_a_server_is_shown_with_its_url(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/servers/hello/Server"] = SERVER
    assert cli("server", "info", "hello/Server", "--json").json == SERVER
    lines = cli("server", "info", "hello/Server").out.splitlines()
    assert [line.split() for line in lines[:2]] == [["Server", "Name:", "Server"], ["Object", "ID:", "fu-1"]]
    assert "URL:                  http://hello.localhost:8080" in lines


def test_a_server_is_named_by_its_id_too(cli: Cli, platform: FakePlatform) -> None:
    found = {**SERVER, "app_id": "ap-1", "server_name": "Server"}
    settings = {"current_settings": {"min_containers": 1}, "override_events": []}
    platform.answers = {
        "GET /v1/servers/fu-1": found,
        "GET /v1/servers/ap-1/Server": found,
        "GET /v1/servers/ap-1/Server/autoscaler": settings,
        "GET /v1/servers/ap-1/Server/stats": {"request_count": 0},
        "GET /v1/servers/ap-1/Server/metrics/schema": {"groups": {}},
        "GET /v1/servers/ap-1/Server/requests": {"requests": [], "next": None, "dropped": 0},
    }
    for verb in (("info",), ("autoscaler", "settings"), ("stats",), ("metrics",), ("requests",)):
        assert cli("server", *verb, "fu-1", "--json").code == 0, verb
    result = cli("server", "info", "hello")
    assert (result.code, "or by its id, not 'hello'" in result.err) == (2, True)


@pytest.mark.parametrize("ref", ["hello", "hello/", "/Server", "a/b/c"])
def test_a_server_is_named_by_app_and_server(cli: Cli, platform: FakePlatform, ref: str) -> None:
    result = cli("server", "info", ref)
    assert (result.code, platform.asked) == (2, [])
    assert "APP/SERVER" in result.err
