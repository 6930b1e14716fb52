"""The routes of rollback and rollover: what they ask the platform for, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from homeport import errors
from homeport.control.requests import RedeployRequest
from homeport.core.facts import DeployKind
from homeport.core.model import Strategy

from .client import Client
from .fakes import FakePlatform


def test_a_rollover_is_asked_for_with_everything_that_was_said(client: Client, platform: FakePlatform) -> None:
    body = {"request_id": "r1", "strategy": "recreate"}
    response = client.post("/v1/apps/hello/rollover?environment=dev&wait=true", json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    wanted = RedeployRequest("hello", "dev", DeployKind.ROLLOVER, Strategy.RECREATE, "r1", "admin")
    assert platform.asked == [("redeploy", wanted, True)]


@pytest.mark.parametrize("version", [None, 3, 0])
def test_a_rollback_passes_on_the_version_and_judges_nothing(
    client: Client, platform: FakePlatform, version: int | None
) -> None:
    client.post("/v1/apps/hello/rollback", json={"request_id": "r1", "version": version})
    wanted = RedeployRequest("hello", "main", DeployKind.ROLLBACK, Strategy.ROLLING, "r1", "admin", version)
    assert platform.asked == [("redeploy", wanted, False)]


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("rollback", {"request_id": "r1", "version": "v3"}),
        ("rollback", {"request_id": "r1", "strategy": "blue-green"}),
        ("rollback", {"version": 1}),
        ("rollover", {"request_id": "r1", "version": 1}),
        ("rollover", {"request_id": "r1", "strategy": ""}),
        ("rollover", {}),
    ],
)
def test_a_request_that_is_not_valid_reaches_nobody(
    client: Client, platform: FakePlatform, verb: str, body: dict[str, Any]
) -> None:
    response = client.post(f"/v1/apps/hello/{verb}", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid")
    assert platform.asked == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidError("App 'hello' is not deployed in the 'main' environment."), 400),
        (errors.NotFoundError("Rollback version not found in App history."), 404),
    ],
)
def test_what_the_platform_refuses_is_answered_in_its_words(
    client: Client, platform: FakePlatform, error: errors.Error, status: int
) -> None:
    platform.fails = error
    response = client.post("/v1/apps/hello/rollback", json={"request_id": "r1"})
    assert (response.status_code, response.json()["error"]["message"]) == (status, error.message)
