"""`server requests|stats|logs|info` and `app stats` against a platform that answers from a table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import FakePlatform, Queue, Result

Cli = Callable[..., Result]
ROW = {
    "timestamp": "2026-11-21T10:00:00.250Z",
    "route": "/items",
    "container_id": "ta-1",
    "duration_seconds": 0.013,
    "status": 200,
    "method": "GET",
    "version": 3,
    "bytes_up": 1,
    "bytes_down": 2,
    "protocol": "HTTP/1.1",
    "why": None,
    "phases": {"receive_seconds": 0.0, "queue_seconds": 0.001, "connect_seconds": 0.0, "response_seconds": 0.012},
}
REFUSED = {**ROW, "route": "/cold", "container_id": None, "status": 503, "why": "empty"}
REQUESTS = "GET /v1/servers/hello/Server/requests"
PERCENTILES = {"p50": 0.01, "p90": None, "p95": None, "p99": 0.5}
STATS = {
    "object_id": "fu-1",
    "since": "2026-11-21T09:00:00.000Z",
    "until": "2026-11-21T10:00:00.000Z",
    "request_count": 36,
    "request_count_by_status_code": {"2xx": 30, "5xx": 6},
    "request_rate_per_second": 0.01,
    "container_started_count": 2,
    "container_error_count": 1,
    "container_total_count": 3,
    "container_creating_at_end_count": 0,
    "request_percentile_stats": {"duration_seconds": PERCENTILES},
    "container_percentile_stats": {"startup_time": dict.fromkeys(PERCENTILES)},
    "inference": None,
}


def test_the_last_requests_are_shown_as_a_table(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[REQUESTS] = {"requests": [ROW, REFUSED], "next": None, "dropped": 0}
    head, first, second = cli("server", "requests", "hello/Server").out.splitlines()
    assert [cell.strip() for cell in head.split("  ") if cell] == [
        *("Timestamp (UTC)", "Route", "Container", "Duration (s)", "Status")
    ]
    assert first.split() == ["2026-11-21", "10:00:00.250", "/items", "ta-1", "0.013", "200"]
    assert second.split()[2:] == ["/cold", "0.013", "503", "(empty)"]
    assert platform.asked[0].query == {"environment": "main", "tail": "10"}


def test_requests_that_were_not_logged_are_said(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[REQUESTS] = {"requests": [ROW], "next": None, "dropped": 17}
    result = cli("server", "requests", "hello/Server", "-n", "5", "--json")
    assert result.json == [ROW]
    assert "17 requests are not in the log" in result.err


def test_a_range_is_read_page_by_page(cli: Cli, platform: FakePlatform) -> None:
    pages = [{"requests": [ROW], "next": "5-1", "dropped": 0}, {"requests": [REFUSED], "next": None, "dropped": 0}]
    platform.answers[REQUESTS] = Queue(pages)
    assert cli("server", "requests", "hello/Server", "--since", "1h", "--json").json == [ROW, REFUSED]
    assert [request.query.get("after") for request in platform.asked] == [None, "5-1"]
    assert all("since" in request.query for request in platform.asked)


@pytest.mark.parametrize(
    "options", [["-n", "0"], ["-n", "1001"], ["-n", "5", "--since", "1h"], ["--since", "8d"], ["--until", "soon"]]
)
def test_options_that_are_not_legal_are_refused_before_anybody_is_asked(
    cli: Cli, platform: FakePlatform, options: list[str]
) -> None:
    assert (cli("server", "requests", "hello/Server", *options).code, platform.asked) == (2, [])


def test_statistics_of_a_server(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/servers/hello/Server/stats"] = STATS
    assert cli("server", "stats", "hello/Server", "--container", "ta-1", "--json").json == STATS
    assert platform.asked[0].query == {"environment": "main", "container": "ta-1"}
    lines = cli("server", "stats", "hello/Server").out.splitlines()
    said = {label.strip(): value.strip() for label, _, value in (line.partition(":") for line in lines)}
    assert said["Requests"] == "36 · 0.01 per second"
    assert said["By status"] == "2xx 30 · 5xx 6"
    assert said["Duration"] == "p50 0.010 s · p99 0.500 s"
    assert said["Startup time"] == "nothing measured"


def test_statistics_of_an_app_end_with_their_sum(cli: Cli, platform: FakePlatform) -> None:
    one = {"id": "fu-1", "requests": 40, "failed": 10, "containers": 2, "errors": 1}
    two = {"id": "fu-2", "requests": 0, "failed": 0, "containers": 1, "errors": 0}
    lifecycle = {"version": 3, "deployed_at": "2026-11-21T10:00:00Z"}
    platform.answers["GET /v1/apps/hello/stats"] = {"lifecycle": lifecycle, "servers": {"A": one, "B": two}}
    lines = cli("app", "stats", "hello").out.splitlines()
    assert lines[0].startswith("hello · deployed ")
    assert lines[0].endswith("(v3)")
    lifecycle["stopped_at"] = "2026-11-21T11:00:00Z"
    assert cli("app", "stats", "hello").out.splitlines()[0].endswith("(v3) · stopped 2026-11-21 11:00:00+00:00")
    assert [line.split() for line in lines[2:]] == [
        ["A", "40", "10", "(25.0%)", "2", "1"],
        ["B", "0", "0", "1", "0"],
        ["Total", "40", "10", "(25.0%)", "3", "1"],
    ]


def test_the_log_of_a_server_is_had_by_its_name_whether_or_not_it_is_deployed(cli: Cli, platform: FakePlatform) -> None:
    entry = {"timestamp": "2026-11-21T10:00:00Z", "source": "stdout", "container_id": "ta-1", "text": "hi"}
    platform.answers["GET /v1/apps/hello/logs"] = [("log", entry), ("end", {})]
    assert cli("server", "logs", "hello/Server", "--show-container-id").out.split() == ["ta-1", "hi"]
    assert platform.asked[-1].query["function"] == "Server"
