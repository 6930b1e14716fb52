"""A stream goes on for as long as whoever reads it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from homeport.api import sse
from homeport.api.app import create_app
from homeport.control.members import OWNER
from homeport.control.requests import Event

from .test_streams import Visitor, run, until
from .workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr(sse, "ASK_EVERY_S", 0.0)
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.001)
    made = Workspace(tmp_path)
    made.events = [Event("log", {"n": 1}), Event("log", {"n": 2})]
    yield made
    made.close()


def revoke(workspace: Workspace, made: dict[str, Any]) -> None:
    workspace.members.delete_token(made["token_id"], OWNER)


def demote(workspace: Workspace, made: dict[str, Any]) -> None:
    workspace.members.set_environment_role("prod", "ann", "no-access", OWNER)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (revoke, '"code":"auth","message":"The API token ak-'),
        (demote, "Member 'ann' has the role no-access in the environment 'prod', and this takes viewer"),
    ],
)
def test_who_loses_the_right_to_a_stream_hears_why_and_nothing_more(
    workspace: Workspace, change: Callable[[Workspace, dict[str, Any]], None], words: str
) -> None:
    made = workspace.members.create_user("ann", "member", OWNER)
    app = create_app(workspace, workspace.people.admins, workspace.members)

    async def story() -> None:
        workspace.gate = asyncio.Event()
        visitor = Visitor(app, f"Bearer {made['token_id']}.{made['token_secret']}")
        asking = asyncio.create_task(visitor.ask("GET", "/v1/apps/ap-prod/logs"))
        await visitor.reads(":\n\n", times=3)  # it is asked each time, and goes on
        change(workspace, made)
        await asking
        await until(lambda: workspace.cancelled)
        assert words in visitor.text
        assert visitor.text.count("event: log") == 1

    run(story())
