"""The routes of environments and garbage, before the real things: on a journal, without containers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from control.people import People
from control.plant import Plant
from homeport.control.environments import Environments

from .client import Client
from .fakes import FakePlatform


class FakeCollector:
    async def collect(self, actor: str, *, dry_run: bool) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {
            "dry_run": dry_run,
            "kinds": [],
            "size_bytes": 0,
            "apps_forgotten": 0,
            "unreadable_manifests": [],
            "by": actor,
        }


@pytest.fixture(autouse=True)
def parts(platform: FakePlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environments]:
    plant = Plant(tmp_path / "plant")
    found = plant.publisher.environments
    monkeypatch.setattr(platform, "environments", found, raising=False)
    people = People(plant)
    monkeypatch.setattr(platform, "proxy_tokens", people.proxy_tokens, raising=False)
    monkeypatch.setattr(platform, "collector", FakeCollector(), raising=False)
    yield found
    plant.database.close()


def test_an_environment_from_its_beginning_to_its_end(client: Client) -> None:
    made = client.post("/v1/environments", json={"name": "dev"})
    assert (made.status_code, made.json()["web_suffix"], made.json()["created_by"]) == (200, "dev", "admin")
    changed = client.request("PATCH", "/v1/environments/dev", json={"web_suffix": "d"})
    assert (changed.status_code, changed.json()["name"], changed.json()["web_suffix"]) == (200, "dev", "d")
    names = [each["name"] for each in client.get("/v1/environments").json()["environments"]]
    assert names == ["main", "dev"]
    assert client.request("DELETE", "/v1/environments/dev").json() == {"name": "dev"}
    assert client.request("DELETE", "/v1/environments/dev").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "main"}, 409, "already_exists"),
        ({"name": "a b"}, 400, "invalid"),
        ({"name": "x", "web_suffix": "A"}, 400, "invalid"),
        ({"name": "x", "more": 1}, 400, "invalid"),
        ({}, 400, "invalid"),
    ],
)
def test_what_cant_be_made_is_refused(client: Client, body: dict[str, Any], status: int, code: str) -> None:
    answer = client.post("/v1/environments", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_garbage_is_collected_by_whoever_asks(client: Client) -> None:
    assert client.post("/v1/gc").json()["by"] == "admin"
    assert client.post("/v1/gc?dry_run=true").json()["dry_run"] is True


def test_nothing_of_it_is_open_to_those_without_a_token(app: FastAPI) -> None:
    for method, path in (("GET", "environments"), ("POST", "environments"), ("DELETE", "environments/main"), ("POST", "gc")):
        assert Client(app).request(method, f"/v1/{path}").status_code == 401
