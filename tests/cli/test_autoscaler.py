"""`server autoscaler` against a platform that answers from a table."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
ROUTE = "/v1/servers/hello/Server/autoscaler"
EVENT = {
    "setting": "min_containers",
    "updated_at": "2026-11-21T10:00:00Z",
    "actor_name": "ci",
    "actor_id": "us-1",
    "actor_type": "service-user",
}
SETTINGS = {
    "current_settings": {"min_containers": 2, "max_containers": None, "scaledown_window": 60},
    "override_events": [EVENT],
}


def test_settings_are_shown_with_who_overrode_them(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[f"GET {ROUTE}"] = SETTINGS
    _, *rows = cli("server", "autoscaler", "settings", "hello/Server").out.splitlines()
    assert [row.split() for row in rows] == [
        ["min_containers", "2", "ci", "at", "2026-11-21", "10:00:00+00:00"],
        ["max_containers", "none"],
        ["scaledown_window", "60", "s"],
    ]
    assert cli("server", "autoscaler", "settings", "hello/Server", "--json").json == SETTINGS


def test_an_update_of_nothing_says_so_and_is_still_json(cli: Cli, platform: FakePlatform) -> None:
    update = ("server", "autoscaler", "update", "hello/Server")
    assert (cli(*update).out, platform.asked) == ("No autoscaler settings specified.\n", [])
    platform.answers[f"GET {ROUTE}"] = SETTINGS
    result = cli(*update, "--json")
    assert (result.json, result.err) == (SETTINGS, "No autoscaler settings specified.\n")
