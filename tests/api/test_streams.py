"""Streams at the ASGI level, where a client can be made to go away at a known moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI

from homeport import errors
from homeport.api import sse
from homeport.control.requests import Event
from homeport.manifest import codec
from homeport.manifest.schema import AppManifest

from .client import Client
from .fakes import FakePlatform

DEPLOY = json.dumps({"manifest": codec.to_json(AppManifest("hello")), "request_id": "r1"}).encode()
TWO = [Event("progress", {"n": 1}), Event("settled", {"n": 2})]
LIMIT_S = 60.0  # no test takes this long unless it fails


class Visitor:
    """A client that reads what it is sent, and may go away."""

    def __init__(self, app: FastAPI, authorization: str) -> None:
        self._app = app
        self._authorization = authorization
        self._gone = asyncio.Event()
        self._news = asyncio.Event()
        self._asked = False
        self.text = ""
        self.breaks = False  # sending to it fails

    async def ask(self, method: str, path: str, body: bytes = b"") -> None:
        headers = [(b"authorization", self._authorization.encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b"",
                 "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
                 "raw_path": path.encode(), "server": ("x", 80), "client": ("y", 1)}  # fmt: skip

        async def receive() -> dict[str, Any]:
            if not self._asked:
                self._asked = True
                return {"type": "http.request", "body": body, "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if self.breaks and message.get("body"):
                raise OSError("broken pipe")
            self.text += message.get("body", b"").decode()
            self._news.set()

        await self._app(scope, receive, send)

    def go(self) -> None:
        self._gone.set()

    async def reads(self, text: str, times: int = 1) -> None:
        while self.text.count(text) < times:
            self._news.clear()
            await self._news.wait()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for is a plain value
        await asyncio.sleep(0)


def run(story: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(story, LIMIT_S))  # type: ignore[arg-type] # any awaitable will do


def test_events_are_framed_one_line_of_json_each(client: Client, platform: FakePlatform) -> None:
    platform.events.append(Event("end", {}))
    response = client.get("/v1/apps/hello/logs")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in response.headers
    assert response.text == (
        'event: progress\ndata: {"stage":"check","message":"line one\\nline two"}\n\nevent: end\ndata: {}\n\n'
    )


def test_a_stream_without_events_is_empty(client: Client, platform: FakePlatform) -> None:
    platform.events = []
    assert (client.get("/v1/apps/hello/logs").status_code, client.get("/v1/apps/hello/logs").text) == (200, "")


def test_an_error_in_the_middle_is_the_last_event(client: Client, platform: FakePlatform) -> None:
    platform.fails_after_events = errors.ImageBuildError("pip failed")
    response = client.post("/v1/deployments", content=DEPLOY, headers={"Content-Type": "application/json"})
    assert response.status_code == 200
    assert response.text.endswith('\n\nevent: error\ndata: {"code":"image_build","message":"pip failed"}\n\n')


def test_an_unexpected_error_in_the_middle_tells_nothing_but_an_id(client: Client, platform: FakePlatform) -> None:
    platform.fails_after_events = RuntimeError("secret detail")
    text = client.get("/v1/apps/hello/logs").text
    assert '"code":"error"' in text
    assert "secret detail" not in text


def test_heartbeats_keep_a_silent_stream_alive(
    app: FastAPI, authorization: str, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0)

    async def story() -> None:
        platform.events, platform.gate = TWO, asyncio.Event()
        visitor = Visitor(app, authorization)
        asking = asyncio.create_task(visitor.ask("GET", "/v1/apps/hello/logs"))
        await visitor.reads(":\n\n", times=3)
        platform.gate.set()
        await asking
        assert visitor.text.replace(":\n\n", "") == sse.frame(TWO[0]).decode() + sse.frame(TWO[1]).decode()

    run(story())


@pytest.mark.parametrize("how", ["disconnects", "breaks"])
def test_a_client_that_goes_ends_a_log_stream(app: FastAPI, authorization: str, platform: FakePlatform, how: str) -> None:
    async def story() -> None:
        platform.events, platform.gate = TWO, asyncio.Event()
        visitor = Visitor(app, authorization)
        visitor.breaks = how == "breaks"
        asking = asyncio.create_task(visitor.ask("GET", "/v1/apps/hello/logs"))
        if how == "disconnects":
            await visitor.reads("progress")
            visitor.go()
        await asking
        await until(lambda: platform.cancelled)

    run(story())


@pytest.mark.parametrize("how", ["disconnects", "breaks"])
def test_a_deployment_goes_on_without_its_client(app: FastAPI, authorization: str, platform: FakePlatform, how: str) -> None:
    async def story() -> None:
        platform.events, platform.gate = TWO, asyncio.Event()
        visitor = Visitor(app, authorization)
        visitor.breaks = how == "breaks"
        asking = asyncio.create_task(visitor.ask("POST", "/v1/deployments", DEPLOY))
        if how == "disconnects":
            await visitor.reads("progress")
            visitor.go()
        await asking
        assert not platform.finished
        platform.gate.set()
        await until(lambda: platform.finished)
        assert not platform.cancelled

    run(story())


def test_a_stream_whose_first_event_is_late_begins_at_once(
    app: FastAPI, authorization: str, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "FIRST_EVENT_WAIT_S", 0)
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0)

    async def story() -> None:
        platform.fails = errors.NotFoundError("no such App")
        visitor = Visitor(app, authorization)
        await visitor.ask("GET", "/v1/apps/hello/logs")
        assert visitor.text.endswith('event: error\ndata: {"code":"not_found","message":"no such App"}\n\n')

    run(story())


def test_who_listens_to_what_is_ended_from_elsewhere_hears_it(
    app: FastAPI, authorization: str, platform: FakePlatform
) -> None:
    async def story() -> None:
        platform.fails_after_events = asyncio.CancelledError()  # type: ignore[assignment]  # no `Exception`, and that is it
        visitor = Visitor(app, authorization)
        await visitor.ask("POST", "/v1/deployments", DEPLOY)
        assert '"message":"This was ended before it was over' in visitor.text

    run(story())
