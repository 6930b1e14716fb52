"""`server metrics` against a platform that answers from a table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
METRICS = "GET /v1/servers/hello/Server/metrics"
CPU = {
    "object_id": "fu-1",
    "group": "cpu",
    "since": "2026-11-21T10:00:00.000Z",
    "until": "2026-11-21T10:02:00.000Z",
    "bucket_size": "1m",
    "series": [
        {
            "name": "cpu_cores",
            "unit": "cores",
            "points": [["2026-11-21T10:00:00.000Z", 0.5], ["2026-11-21T10:01:00.000Z", None]],
        }
    ],
    "note": "",
}
SCHEMA = {
    "object_id": "fu-1",
    "groups": {
        "cpu": {"series": [{"name": "cpu_cores", "unit": "cores", "description": "All of it."}], "note": ""},
        "gpu": {"series": [], "note": "GPUs are not measured."},
    },
    "bucket_sizes": ["1m", "1h"],
    "limits": {"days": 31, "points": 500},
}


def test_without_a_group_the_groups_are_listed(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[f"{METRICS}/schema"] = SCHEMA
    result = cli("server", "metrics", "hello/Server")
    assert "All of it." in result.out
    assert "GPUs are not measured." in result.out
    assert "1m, 1h" in result.err
    assert cli("server", "metrics", "hello/Server", "--json").json == SCHEMA


def test_a_group_is_a_table_json_or_csv(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[METRICS] = CPU
    table = cli("server", "metrics", "hello/Server", "--group", "cpu").out.splitlines()
    assert table[-2].split() == ["2026-11-21", "10:00:00.000", "0.5"]
    assert table[-1].split() == ["2026-11-21", "10:01:00.000", "-"]
    assert cli("server", "metrics", "hello/Server", "--group", "cpu", "--json").json == CPU
    asked = cli("server", "metrics", "hello/Server", "--group", "cpu", "--csv", "--since", "2h", "--bucket-size", "1m")
    assert asked.out == "timestamp,cpu_cores\n2026-11-21T10:00:00.000Z,0.5\n2026-11-21T10:01:00.000Z,\n"
    assert platform.asked[-1].query.keys() == {"environment", "since", "group", "bucket_size"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--csv"], "Choose metrics with --group"),
        (["--since", "1h"], "Choose metrics with --group"),
        (["--group", "cpu", "--csv", "--json"], "can't be used together"),
        (["--group", "cpu", "--since", "32d"], "at most 31 days apart"),
    ],
)
def test_what_can_not_be_meant_is_refused(cli: Cli, platform: FakePlatform, options: list[str], words: str) -> None:
    result = cli("server", "metrics", "hello/Server", *options)
    assert result.code != 0
    assert words in result.err
    assert platform.asked == []
