"""Whom a Server's overrides are from, as people are told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from homeport.control.autoscaler import Autoscaler
from homeport.control.members import OWNER

from .people import People
from .plant import running


def test_an_override_is_of_a_user_a_service_user_or_somebody_unknown(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            members = People(plant).members
            ids = {
                "ann": members.create_user("ann", "member", OWNER)["user_id"],
                "ci": members.create_service("ci", OWNER)["user_id"],
            }
            await plant.deploy("one")
            autoscaler = Autoscaler(plant.publisher, members, lambda _ref, _environment: plant.app())
            target = ("shop", "web", "main")
            by = {"min_containers": "ann", "max_containers": "ci", "buffer_containers": "admin", "scaleup_window": "x"}
            for setting, actor in by.items():
                autoscaler.update(target, {setting: 2}, actor)
            members.delete("ci", "service", OWNER)
            events: Any = autoscaler.settings(target)["override_events"]
            assert [(e["actor_name"], e["actor_id"], e["actor_type"]) for e in events] == [
                ("ann", ids["ann"], "user"),
                ("ci", ids["ci"], "service-user"),
                ("admin", "", "user"),
                ("x", "", "unknown"),
            ]

    asyncio.run(story())
