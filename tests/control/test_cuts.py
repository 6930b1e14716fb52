"""Requests that ended with their container, from the router's records to the journal and to those who watch."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

import stepped_time
from homeport.control import cuts
from homeport.control.cuts import Cuts
from homeport.control.loop import ControlLoop
from homeport.core import ids
from homeport.core.events import Event, RequestsCut
from homeport.core.model import App, Container, World
from homeport.core.states import AppState, ContainerState
from homeport.router.records import RequestRecord

APP = ids.app_id("testng", 1)
STOPPING, READY, GONE = (ids.container_id(APP, number) for number in (1, 2, 3))


def record(container_id: str, status: int = 502, termination: str = "SH") -> RequestRecord:
    numbers = dict.fromkeys(("at_ms", "receive_ms", "queue_ms", "connect_ms", "response_ms", "total_ms"), 0)
    sizes = {"bytes_up": 0, "bytes_down": 0}
    words = dict.fromkeys(("host", "method", "path", "environment", "token_id", "why", "protocol", "client"), "")
    made: dict[str, Any] = {**numbers, **sizes, **words, "app_id": APP, "service_id": "fu-1"}
    return RequestRecord(**made, container_id=container_id, status=status, termination=termination)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (record(STOPPING, 502, "SH"), True),
        (record(STOPPING, 200, "SD"), True),
        (record(STOPPING, 101, "--"), True),
        (record(STOPPING, 101, "CD"), False),
        (record(STOPPING, 200, "--"), False),
        (record(STOPPING, 200, "CD"), False),
        (record("", 503, "SC"), False),
    ],
)
def test_the_side_that_ended_it_is_in_the_record(found: RequestRecord, expected: bool) -> None:
    assert cuts.cut_off(found) is expected


async def turns() -> None:
    """As many as what is due at once can need."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_those_of_a_container_on_its_way_out_are_written_down_and_told_once_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cuts, "TOGETHER_S", 0)
    written: list[tuple[str, object]] = []
    told: list[Any] = []
    states = ((STOPPING, ContainerState.STOPPING), (READY, ContainerState.READY))
    containers = tuple(Container(container_id, "fu-1", 1, state, 0, 0) for container_id, state in states)
    loop = SimpleNamespace(
        world=World("testng", {APP: App(APP, "main", "shop", AppState.DEPLOYED, 0, containers=containers)}),
        note=lambda *lines: written.extend((line.body["container_id"], line.body["count"]) for line in lines),
        watchers=[lambda _world, events: told.extend(events)],
    )

    async def play() -> None:
        seen = Cuts(cast(ControlLoop, loop))
        seen.take([record(STOPPING), record(READY), record(STOPPING, 200, "--"), record(STOPPING, 101, "--"), record(GONE)])
        assert written == []
        await turns()
        seen.take([record(STOPPING)])
        await turns()

    asyncio.run(play())
    assert written == [(STOPPING, 2), (GONE, 1), (STOPPING, 3)]
    assert told == [RequestsCut(APP, STOPPING, 2), RequestsCut(APP, GONE, 1), RequestsCut(APP, STOPPING, 1)]


def test_whoever_waits_for_an_end_is_told_of_all_that_it_cut_also_of_what_the_router_tells_late() -> None:
    async def play() -> int:
        happenings: asyncio.Queue[Event] = asyncio.Queue()
        for count in (2, 1):  # of one container, in two batches
            happenings.put_nowait(RequestsCut(APP, STOPPING, count))
        asyncio.get_running_loop().call_later(cuts.TOGETHER_S, happenings.put_nowait, RequestsCut(APP, GONE, 4))
        return await cuts.cut_until(happenings, happenings.empty)

    assert stepped_time.run(play()) == 7
