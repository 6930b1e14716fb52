"""Large bodies: a few at a time, a few of each caller, and none for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from homeport.api import limits
from homeport.api.limits import LARGE_AT_ONCE, LARGE_BYTES, LARGE_PER_CALLER, LimitBody
from homeport.errors import InvalidError

LARGE = b"x" * (LARGE_BYTES + 1)


class Stage:
    """An app that reads its requests whole, and answers them when `answer` is set."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.answer = asyncio.Event()
        self.middleware = LimitBody(self.app)
        self.tasks: list[asyncio.Task[None]] = []

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        self.read.append(scope["state"]["actor"])
        await self.answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()  # a stream that goes on

    def ask(self, caller: str, *parts: bytes, then: Callable[[], Awaitable[Any]] | None = None) -> None:
        self.tasks.append(asyncio.create_task(self._ask(caller, parts, then)))

    async def _ask(self, caller: str, parts: tuple[bytes, ...], then: Callable[[], Awaitable[Any]] | None) -> None:
        left = list(parts)

        async def receive() -> Message:
            if not left and then is not None:
                await then()
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or then is not None}

        async def send(message: Message) -> None:
            pass

        scope = {"type": "http", "method": "POST", "path": "/v1/x", "headers": [], "state": {"actor": caller}}
        await self.middleware(scope, receive, send)

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def played(story: Callable[[Stage], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        stage = Stage()
        try:
            await story(stage)
        finally:
            await stage.end()

    asyncio.run(all_of_it())


def test_a_caller_has_so_many_large_requests_at_a_time_and_others_go_past_it() -> None:
    async def story(stage: Stage) -> None:
        for _ in range(LARGE_PER_CALLER + 2):
            stage.ask("greedy", LARGE)
        await stage.settle()
        assert stage.read == ["greedy"] * LARGE_PER_CALLER
        stage.ask("other", LARGE)
        stage.ask("greedy", b"small")
        await stage.settle()
        assert sorted(stage.read[LARGE_PER_CALLER:]) == ["greedy", "other"]

    played(story)


def test_all_callers_together_have_so_many_and_an_answer_makes_room() -> None:
    async def story(stage: Stage) -> None:
        for number in range(LARGE_AT_ONCE + 2):
            stage.ask(f"c{number}", LARGE)
        await stage.settle()
        assert len(stage.read) == LARGE_AT_ONCE
        stage.answer.set()
        await stage.settle()
        assert len(stage.read) == LARGE_AT_ONCE + 2, "though what is answered is a stream that goes on"

    played(story)


def test_a_large_body_that_stalls_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ARRIVAL_S_MAX", 0)

    async def story(stage: Stage) -> None:
        stage.ask("slow", LARGE, then=asyncio.Event().wait)
        with pytest.raises(InvalidError, match="stalled"):
            await stage.tasks[0]

    played(story)


def test_a_small_body_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ARRIVAL_S_MAX", 0)

    async def story(stage: Stage) -> None:
        stage.ask("slow", b"small", then=asyncio.Event().wait)
        await stage.settle()
        assert not stage.tasks[0].done()

    played(story)
