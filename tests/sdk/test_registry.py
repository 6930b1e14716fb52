"""Apps as objects in scripts: looked up, made, labelled, and deployed several at once."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

import homeport
from homeport.client.config import Target
from homeport.client.http import Client
from homeport.errors import ConflictError, ExecutionError, InvalidError, NotFoundError
from homeport.manifest import tree
from homeport.sdk import commit

from .conftest import SERVER, Load
from .platform import FakePlatform

APP_ID = "ap-" + "1" * 22


class Platform:
    """Knows one App, `shop`, and makes others."""

    def __init__(self, state: str = "deployed") -> None:
        self.state = state
        self.tags: dict[str, str] = {"team": "blue"}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def client(self, environment: str = "dev") -> Client:
        return Client(
            Target("http://127.0.0.1:7300", "ak-1", "as-1", "the test", environment), httpx.MockTransport(self._answer)
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        body = json.loads(request.content) if request.content else {}
        self.asked.append((f"{request.method} {path}", request.url.params.get("environment", ""), body))
        if path in ("/v1/apps/shop", f"/v1/apps/{APP_ID}"):
            return httpx.Response(
                200, json={"app_id": APP_ID, "description": "shop", "lifecycle": {"state": self.state}}
            )  # fmt: skip
        if path == f"/v1/apps/{APP_ID}/stop":
            if self.state == "stopped":
                words = "App is already stopped. (Stopped at 2026-11-21 by 'ann')."
                return httpx.Response(409, json={"error": {"code": "conflict", "message": words}})
            self.state = "stopped"
            return httpx.Response(200, json={"app_id": APP_ID, "containers_ended": 2})
        if path == "/v1/apps":
            return httpx.Response(
                200, json={"app_id": APP_ID, "description": body["name"], "environment": "dev", "created": True}
            )
        if path == f"/v1/apps/{APP_ID}/tags":
            self.tags = body.get("tags", self.tags)
            return httpx.Response(200, json={"tags": self.tags})
        return httpx.Response(404, json={"error": {"code": "not_found", "message": "No App with name 'x'."}})


@pytest.mark.parametrize("ref", ["shop", APP_ID])
def test_an_app_is_found_by_name_and_by_id(ref: str) -> None:
    platform = Platform()
    found = homeport.App.lookup(ref, client=platform.client())
    assert (found.name, found.app_id) == ("shop", APP_ID)
    assert found.get_dashboard_url() == f"http://127.0.0.1:7300/v1/apps/{APP_ID}"
    assert platform.asked == [(f"GET /v1/apps/{ref}", "dev", {})]


def test_the_environment_that_is_named_counts() -> None:
    platform = Platform()
    homeport.App.lookup("shop", environment_name="prod", client=platform.client())
    assert platform.asked[0][1] == "prod"


def test_one_that_is_missing_is_made_on_demand_only() -> None:
    platform = Platform()
    with pytest.raises(NotFoundError, match="No App with name"):
        homeport.App.lookup("new", client=platform.client())
    made = homeport.App.lookup("new", create_if_missing=True, client=platform.client())
    assert (made.name, made.app_id, made.registered_servers) == ("new", APP_ID, {})
    what, _, body = platform.asked[-1]
    assert (what, body["name"], body["environment"]) == ("POST /v1/apps", "new", "dev")


def test_an_id_can_not_be_made() -> None:
    platform = Platform()
    homeport.App.lookup(APP_ID, create_if_missing=True, client=platform.client())
    with pytest.raises(NotFoundError):
        homeport.App.lookup("ap-" + "2" * 22, create_if_missing=True, client=platform.client())
    assert [what for what, *_ in platform.asked] == [f"GET /v1/apps/{APP_ID}", f"GET /v1/apps/ap-{'2' * 22}"]


def test_a_stopped_app_is_found_by_its_id_alone() -> None:
    client = Platform(state="stopped").client()
    with pytest.raises(NotFoundError, match="App 'shop' in the 'dev' environment is stopped"):
        homeport.App.lookup("shop", client=client)
    assert homeport.App.lookup(APP_ID, client=client).name == "shop"


def test_a_name_that_no_app_can_have_is_refused_before_anybody_is_asked() -> None:
    platform = Platform()
    with pytest.raises(InvalidError, match="Invalid App name"):
        homeport.App.lookup("a b", create_if_missing=True, client=platform.client())
    assert platform.asked == []


def test_tags_are_read_and_replaced_in_both_forms() -> None:
    platform = Platform()

    async def story() -> dict[str, str]:
        app = await homeport.App.lookup.aio("shop", client=platform.client())
        assert app.get_tags() == {"team": "blue"}  # the blocking form, where a loop runs
        await app.set_tags.aio({"cost": "7"})
        return await app.get_tags.aio(client=platform.client("prod"))

    assert asyncio.run(story()) == {"cost": "7"}
    assert platform.asked[-1][1] == "prod"


@pytest.mark.parametrize(
    "tags", [{"a" * 64: "x"}, {"a": "x" * 64}, {"a b": "x"}, {"a": 1}, {"": "x"}, ["a"], {1: "x"}]
)  # fmt: skip
def test_tags_that_are_not_legal_are_refused_before_anybody_is_asked(tags: Any) -> None:
    platform = Platform()
    app = homeport.App.lookup("shop", client=platform.client())
    with pytest.raises(InvalidError):
        app.set_tags(tags)
    assert len(platform.asked) == 1


def test_an_app_is_stopped_in_both_forms_and_only_once() -> None:  # 1.8.7
    for stop in (lambda app: app.stop(), lambda app: asyncio.run(app.stop.aio())):
        platform = Platform()
        app = homeport.App.lookup("shop", client=platform.client())
        assert stop(app) is None
        assert platform.asked[-1] == (f"POST /v1/apps/{APP_ID}/stop", "dev", {})
        with pytest.raises(ConflictError, match=r"App is already stopped. \(Stopped at 2026-11-21 by 'ann'\)."):
            stop(app)
        assert app.app_id == APP_ID


def test_an_app_that_is_not_deployed_has_no_tags_or_address_yet_and_can_not_be_stopped() -> None:
    app = homeport.App("shop", tags={"team": "blue"})
    for ask in (app.get_tags, app.get_dashboard_url, app.stop, lambda: app.set_tags({})):
        with pytest.raises(ExecutionError, match="App 'shop' is not deployed yet"):
            ask()


def test_a_deployed_app_has_an_id_and_an_address(loading: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "commit_info", lambda _: None)
    app = loading("hello.py", SERVER).app
    app.deploy(client=FakePlatform().client())
    assert (app.name, app.app_id, app.get_dashboard_url()) == ("hello", "ap-1", "http://127.0.0.1:7300/apps/ap-1")


def test_an_app_can_be_deployed_twice_in_a_row_and_beside_others(
    loading: Load, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "commit_info", lambda _: None)
    apps = [loading(f"app{n}.py", SERVER.replace("hello", f"app{n}")).app for n in range(4)]
    platforms = [FakePlatform() for _ in apps]

    def twice(app: homeport.App, platform: FakePlatform) -> None:
        app.deploy(client=platform.client())
        app.deploy(client=platform.client())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(twice, apps, platforms))

    async def at_once() -> None:
        await asyncio.gather(*(a.deploy.aio(client=p.client()) for a, p in zip(apps, platforms, strict=True)))

    asyncio.run(at_once())
    for number, platform in enumerate(platforms):
        (request,) = platform.deployments
        assert request["manifest"]["name"] == f"app{number}"
        source = tree.loads(platform.blobs[request["manifest"]["source"]])
        assert [entry.path for entry in source.entries] == [f"app{number}.py"]
