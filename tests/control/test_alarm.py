"""The laws as alarms in production: heard, and never in the way of what a step has decided."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from homeport.control import loop
from homeport.core.actions import SetRoutes
from homeport.core.model import World
from homeport.core.reconcile import Step

from .plant import running


def test_what_was_decided_is_on_its_way_before_the_laws_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[bool] = []

    async def story() -> None:
        async with running(tmp_path) as plant:

            def ask(_before: World, step: Step) -> list[str]:
                told = [action for action in step.actions if isinstance(action, SetRoutes)]
                applied.extend((action.app_id, action.routes) in plant.router.applied for action in told)
                return []

            monkeypatch.setattr(loop, "broken", ask)
            await plant.deploy("one")

    asyncio.run(story())
    assert applied
    assert all(applied)


def test_a_broken_law_is_said_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            monkeypatch.setattr(loop, "broken", lambda before, step: ["a_law: it was broken"])
            await plant.deploy("one")

    asyncio.run(story())
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert said
    assert set(said) == {"a law is broken, please report this: a_law: it was broken"}
