"""What every router must do, on the one in memory and on HAProxy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from router_bench import SCENARIO_LIMIT_S, Bench, FakeBench, HAProxyBench, until

from homeport.core.routes import Route

Scenario = Callable[[Bench], Awaitable[None]]
Play = Callable[[Scenario], None]
HOST = "a.localhost"
CONTAINERS = ("ta-1", "ta-2")


@pytest.fixture(params=["fake", pytest.param("haproxy", marks=pytest.mark.host)])
def play(request: pytest.FixtureRequest) -> Play:
    """Runs a scenario on a router, and removes what it left."""

    async def run(scenario: Scenario) -> None:
        bench: Bench = FakeBench() if request.param == "fake" else await HAProxyBench().open(*CONTAINERS)
        try:
            async with asyncio.timeout(SCENARIO_LIMIT_S):
                await scenario(bench)
        finally:
            await bench.clean()

    return lambda scenario: asyncio.run(run(scenario))


def route(bench: Bench, *containers: str, host: str = HOST, app: str = "ap-1") -> Route:
    targets = tuple(bench.target(name.rstrip("~"), name.endswith("~")) for name in containers)
    return Route(host, app, "fu-1", "main", authenticated=False, targets=targets)


def test_requests_in_flight_are_counted_by_container(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.router.apply("ap-1", (route(bench, "ta-1"),))
        assert await bench.router.observe() == {"ta-1": 0}
        await bench.hold(HOST, "ta-1")
        await bench.hold(HOST, "ta-1")
        assert await bench.router.observe() == {"ta-1": 2}

    play(scenario)


def test_a_draining_container_is_told_while_it_has_requests_and_when_it_has_none(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.router.apply("ap-1", (route(bench, "ta-1"),))
        await bench.hold(HOST, "ta-1")
        await bench.router.apply("ap-1", (route(bench, "ta-1~", "ta-2"),))
        await bench.facts.told("ta-1", 1)
        await bench.hold(HOST, "ta-2")
        assert await bench.router.observe() == {"ta-1": 1, "ta-2": 1}, "new requests go to the other one"
        await bench.release("ta-1")
        await bench.facts.told("ta-1", 0)
        assert bench.facts.counts("ta-1") == [1, 0]
        assert bench.facts.counts("ta-2") == []

    play(scenario)


def test_an_idle_container_that_drains_is_told_as_idle(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.router.apply("ap-1", (route(bench, "ta-1", "ta-2"),))
        await bench.router.apply("ap-1", (route(bench, "ta-1~", "ta-2"),))
        await bench.facts.told("ta-1", 0)

    play(scenario)


def test_applying_the_same_again_changes_nothing(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.router.apply("ap-1", (route(bench, "ta-1"),))
        await bench.hold(HOST, "ta-1")
        for _ in range(3):
            await bench.router.apply("ap-1", (route(bench, "ta-1"),))
        assert await bench.router.observe() == {"ta-1": 1}

    play(scenario)


def test_a_container_that_drains_may_be_opened_again(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.router.apply("ap-1", (route(bench, "ta-1"),))
        await bench.router.apply("ap-1", (route(bench, "ta-1~"),))
        await bench.facts.told("ta-1", 0)
        await bench.router.apply("ap-1", (route(bench, "ta-1"),))
        await bench.hold(HOST, "ta-1")
        assert await bench.router.observe() == {"ta-1": 1}

    play(scenario)


def test_a_removed_container_is_not_observed_any_more(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.router.apply("ap-1", (route(bench, "ta-1", "ta-2"),))
        await bench.router.apply("ap-1", (route(bench, "ta-2"),))
        assert await bench.router.observe() == {"ta-2": 0}
        await bench.router.apply("ap-1", ())
        assert await bench.router.observe() == {}

    play(scenario)


def test_retain_drops_every_other_app(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.router.apply("ap-1", (route(bench, "ta-1"),))
        await bench.router.apply("ap-2", (route(bench, "ta-2", host="b.localhost", app="ap-2"),))
        await bench.router.retain(["ap-2", "ap-unknown"])
        assert await bench.router.observe() == {"ta-2": 0}
        await bench.hold("b.localhost", "ta-2")

    play(scenario)


def test_facts_end_when_the_router_is_closed(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        facts = bench.router.facts()
        await bench.facts.close()
        await bench.router.close()
        assert [fact async for fact in facts] == []

    play(scenario)


def test_many_changes_at_once_end_as_the_last_ones_said(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        apps = [f"ap-{number}" for number in range(20)]
        hosts = {app: f"{app}.localhost" for app in apps}
        for containers in (("ta-1",), ("ta-1", "ta-2"), ("ta-2",)):
            changes = [bench.router.apply(app, (route(bench, *containers, host=hosts[app], app=app),)) for app in apps]
            await asyncio.gather(*changes)

        async def settled() -> bool:
            return await bench.router.observe() == {"ta-2": 0}

        await until(settled, "only ta-2 serves")
        await bench.hold(hosts["ap-7"], "ta-2")

    play(scenario)
