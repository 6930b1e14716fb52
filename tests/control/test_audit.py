"""What the audit log calls things, over a control plane of fakes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from homeport.control.audit import Auditor, action
from homeport.control.registry import Registry
from homeport.store.audit import Audit, AuditRow

from .plant import Plant, running


def auditor(plant: Plant) -> Auditor:
    journal: Any = plant.loop.kernel._journal
    return Auditor(Audit(journal, plant.database), plant.history)


def test_acts_are_named_with_their_actor_and_what_they_were_done_to(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            await plant.deploy("one")
            await plant.deploy("two")
            await plant.rollback()
            await plant.rollover()
            await Registry(plant.publisher, plant.history).set_tags(plant.app(), {"team": "red"}, "eve")
            acts = auditor(plant).acts(10)
            assert [(act["actor"], act["action"], act["version"]) for act in acts] == [
                ("eve", "app.set_tags", None),
                ("bob", "app.rollover", 4),
                ("bob", "app.rollback", 3),
                ("ann", "app.deploy", 2),
                ("ann", "app.deploy", 1),
            ]
            assert {(act["app_name"], act["environment"]) for act in acts} == {("shop", "main")}
            assert auditor(plant).verify()["ok"] is True

    asyncio.run(story())


@pytest.mark.parametrize(
    ("kind", "body", "name"),
    [
        ("app.stop", {}, "app.stop"),
        ("container.stop", {}, "container.stop"),
        ("environment.created", {}, "environment.created"),
    ],
)
def test_what_has_no_name_of_its_own_is_called_as_its_record_is(kind: str, body: dict[str, Any], name: str) -> None:
    assert action(AuditRow(1, 1, kind, body, "ann", "h")) == name
