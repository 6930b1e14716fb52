"""Any facts in any order: no law breaks, nothing crashes, and the same facts give the same World."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.core import ids
from homeport.core.facts import (
    AppStopRequested,
    CapacityKnown,
    ContainerDrained,
    ContainerExited,
    ContainerProbed,
    ContainerReady,
    ContainerStarted,
    ContainerStopRequested,
    ContainerUnreachable,
    DeployRequested,
    EngineListed,
    ExitReason,
    Fact,
)
from homeport.core.invariants import broken
from homeport.core.model import Strategy, World
from homeport.core.reconcile import step

from .platform import START_MS, spec

APPS = [ids.app_id("testng", number) for number in (1, 2, 3)]
CONTAINERS = [ids.container_id(app, number) for app in APPS for number in range(1, 8)]

containers = st.sampled_from(CONTAINERS)
specs = st.builds(
    lambda name, low, cap: spec(name, min_containers=low, max_containers=cap and low + cap),
    st.sampled_from(["api", "web"]),
    st.integers(0, 3),
    st.integers(0, 2),
)


def deploy(name: str) -> st.SearchStrategy[DeployRequested]:
    """Hosts are the App's own: a collision between Apps is refused before the core hears of it (`control.publish`)."""
    mine = specs.map(lambda found: replace(found, host=f"home--{name}-{found.name}.us-east.localhost"))
    services = st.lists(mine, max_size=2, unique_by=lambda found: found.name)
    return st.builds(
        DeployRequested,
        environment=st.just("main"),
        app_name=st.just(name),
        manifest_digest=st.sampled_from(["a", "b", "c"]),
        services=services.map(lambda found: tuple(sorted(found, key=lambda one: one.name))),
        strategy=st.sampled_from(Strategy),
        request_id=st.uuids().map(str),
    )


deploys = st.one_of(deploy("one"), deploy("two"))
facts: st.SearchStrategy[Fact] = st.one_of(
    deploys,
    st.builds(AppStopRequested, st.sampled_from(APPS)),
    st.builds(ContainerStopRequested, containers),
    st.builds(ContainerStarted, containers, st.sampled_from(["10.0.0.2:8000", "10.0.0.3:8000"])),
    st.builds(ContainerReady, containers),
    st.builds(ContainerExited, containers, st.sampled_from(ExitReason), st.integers(0, 255)),
    st.builds(ContainerProbed, containers, st.booleans()),
    st.builds(ContainerUnreachable, containers, st.sampled_from(["it listens on 127.0.0.1:8000"])),
    st.builds(ContainerDrained, containers, st.integers(0, 2), st.integers(START_MS, START_MS + 10**6)),
    st.builds(
        EngineListed,
        st.integers(START_MS, START_MS + 10**6),
        st.lists(containers, unique=True).map(tuple),
        st.lists(containers, max_size=2, unique=True).map(tuple),
    ),
    st.builds(CapacityKnown, st.sampled_from([500, 4_000]), st.sampled_from([512, 8_192])),
)
happenings = st.lists(st.tuples(st.lists(facts, max_size=3).map(tuple), st.integers(0, 70_000)), max_size=25)


@settings(max_examples=150, deadline=None)
@given(happenings)
def test_no_order_of_facts_breaks_a_law(story: list[tuple[tuple[Fact, ...], int]]) -> None:
    world, now_ms = World(tag="testng"), START_MS
    for told, pause_ms in story:
        now_ms += pause_ms
        done = step(world, told, now_ms)
        assert broken(world, done) == []
        world = done.world


@settings(max_examples=50, deadline=None)
@given(happenings)
def test_the_same_facts_give_the_same_world(story: list[tuple[tuple[Fact, ...], int]]) -> None:
    def run() -> World:
        world, now_ms = World(tag="testng"), START_MS
        for told, pause_ms in story:
            now_ms += pause_ms
            world = step(world, told, now_ms).world
        return world

    assert run() == run()


@settings(max_examples=50, deadline=None)
@given(happenings)
def test_a_world_that_is_told_nothing_comes_to_rest(story: list[tuple[tuple[Fact, ...], int]]) -> None:
    """Every alarm leads to a later one or to none: time alone can't keep the core busy at one moment."""
    world, now_ms = World(tag="testng"), START_MS
    for told, pause_ms in story:
        now_ms += pause_ms
        world = step(world, told, now_ms).world
    for _ in range(200):
        done = step(world, (), now_ms)
        world = done.world
        if not done.wake_at_ms:
            return
        assert done.wake_at_ms > now_ms
        now_ms = done.wake_at_ms
    raise AssertionError("it is still woken after 200 alarms")
