"""`homeport audit`: what is printed, and the exit code of a log that somebody edited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
DEPLOY: dict[str, Any] = {
    "record": 1,
    "time": "2026-11-21T10:00:00.000Z",
    "actor": "ann",
    "action": "app.deploy",
    "app_id": "ap-1",
    "app_name": "shop",
    "environment": "dev",
    "version": 3,
    "container_id": None,
    "hash": "a" * 64,
}
STOP = {**DEPLOY, "record": 12, "actor": "bob", "action": "container.stop", "version": None, "container_id": "ta-1"}


def test_the_list_names_who_did_what_to_what(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/audit"] = {"audit": [STOP, DEPLOY]}
    assert cli("audit", "list", "-n", "5").out == (
        "Record  Time                       Actor  Action          Environment  Object\n"
        "12      2026-11-21 10:00:00+00:00  bob    container.stop  dev          shop · ta-1\n"
        "1       2026-11-21 10:00:00+00:00  ann    app.deploy      dev          shop v3\n"
    )
    assert platform.asked[0].query == {"limit": "5"}
    assert cli("audit", "list", "--json").json == [STOP, DEPLOY]


def test_a_whole_log_is_a_success(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/audit/verify"] = {"ok": True, "records": 12, "problem": None}
    result = cli("audit", "verify")
    assert (result.code, result.out) == (0, "✓ All 12 records are there and as they were written.\n")


def test_an_edited_log_names_the_record_and_exits_with_1(cli: Cli, platform: FakePlatform) -> None:
    problem = "record 3 (app.stop) was changed after it was written"
    verdict = {"ok": False, "records": 12, "problem": problem}
    platform.answers["GET /v1/audit/verify"] = verdict
    result = cli("audit", "verify")
    assert (result.code, result.out) == (1, "")
    assert problem in result.err
    as_json = cli("audit", "verify", "--json")
    assert (as_json.code, as_json.json) == (1, verdict)
