"""Affinity keys through HAProxy: one key, one container, and no key where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from router_bench import HAProxyBench, played, until

pytestmark = pytest.mark.host
Scenario = Callable[[HAProxyBench], Awaitable[None]]
NAMES = ("ta-1", "ta-2", "ta-3", "ta-4")


def play(scenario: Scenario, **settings: int) -> None:
    played(lambda: HAProxyBench(**settings), scenario, *NAMES)


@pytest.mark.parametrize("header", ["modal_session_id", "modal_routing_affinity_key"])
def test_a_key_stays_with_its_container_while_others_come_and_go(header: str) -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1", "ta-2", "ta-3")
        keys = [*(f"user-{number}" for number in range(20)), 'odd "key" |,; \\ %41', "x" * 6000]
        homes = {key: (await bench.get(**{header: key})).text for key in keys}
        assert len(set(homes.values())) == 3
        await bench.serve(*NAMES)
        assert {key: (await bench.get(**{header: key})).text for key in keys} == homes
        await bench.serve("ta-1~", "ta-2", "ta-3", "ta-4")
        moved = {key: (await bench.get(**{header: key})).text for key in keys}
        assert {key for key in keys if moved[key] != homes[key]} == {key for key in keys if homes[key] == "ta-1"}
        assert "ta-1" not in moved.values()

    play(scenario)


def test_the_newer_affinity_header_wins() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES)
        homes = {key: (await bench.get(modal_routing_affinity_key=key)).text for key in map(str, range(8))}
        for key, home in homes.items():
            assert (await bench.get(modal_routing_affinity_key=key, modal_session_id="other")).text == home

    play(scenario)


@pytest.mark.parametrize("header", ["modal_session_id", "modal_routing_affinity_key"])
def test_an_empty_key_is_none(header: str) -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES)
        held = [asyncio.create_task(bench.get("/hold", **{header: ""})) for _ in range(4)]
        await until(lambda: _in_flight(bench, 4), "four requests in flight")
        assert sorted((await bench.real.observe()).values()) == [1, 1, 1, 1]
        for name in NAMES:
            await bench.release(name)
        await asyncio.gather(*held)
        home = (await bench.get(modal_session_id="s")).text
        assert {(await bench.get(modal_session_id="s", modal_routing_affinity_key="")).text for _ in range(8)} == {home}

    play(scenario, nbthread=1)


def test_parallel_first_requests_of_a_session_meet_in_one_container() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES)
        answers = [asyncio.create_task(bench.get("/hold", modal_session_id="s")) for _ in range(6)]
        await until(lambda: _in_flight(bench, 6), "six requests in flight")
        assert sorted((await bench.real.observe()).values()) == [0, 0, 0, 6]
        for name in NAMES:
            await bench.release(name)
        assert len({answer.text for answer in await asyncio.gather(*answers)}) == 1

    play(scenario)


async def _in_flight(bench: HAProxyBench, requests: int) -> bool:
    return sum((await bench.real.observe()).values()) == requests
