"""GPUs are counted by model, given whole, and nobody's twice. A machine without them decides as ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.core import ids
from homeport.core.actions import StartContainer
from homeport.core.facts import (
    AppStopRequested,
    CapacityKnown,
    ContainerExited,
    ContainerReady,
    ContainerStarted,
    DeployRequested,
    EngineListed,
    ExitReason,
    Fact,
)
from homeport.core.invariants import broken
from homeport.core.model import Gpus, ServiceSpec, Strategy, World
from homeport.core.place import NO_GPU, ROOM_WAIT_MS
from homeport.core.reconcile import resume, step
from homeport.core.states import ContainerState

from .platform import START_MS, Platform, spec

ONE_H100, TWO_H100, ONE_T4 = Gpus("H100", 1), Gpus("H100", 2), Gpus("T4", 1)


@pytest.fixture
def platform() -> Platform:
    platform = Platform()
    platform.say(CapacityKnown(64_000, 64_000, (TWO_H100, ONE_T4)))
    return platform


def wants(*gpus: Gpus, name: str = "web", containers: int = 1) -> ServiceSpec:
    return replace(spec(name, min_containers=containers), gpus=gpus)


def held(platform: Platform) -> list[Gpus | None]:
    return [c.gpus for c in platform.app().containers if c.state is not ContainerState.PENDING]


def test_each_container_gets_its_own_and_the_one_too_many_waits_and_says_why(platform: Platform) -> None:
    platform.deploy("one", wants(ONE_H100, containers=3))
    assert held(platform) == [ONE_H100, ONE_H100]
    assert [c.reason for c in platform.in_state(ContainerState.PENDING)] == [NO_GPU]


def test_the_first_of_the_fallbacks_that_is_free_is_given(platform: Platform) -> None:
    platform.deploy("one", wants(TWO_H100, ONE_T4, containers=3))
    assert held(platform) == [TWO_H100, ONE_T4]
    assert [c.reason for c in platform.in_state(ContainerState.PENDING)] == [NO_GPU]


def test_the_start_tells_which_model_and_says_so_again_after_a_restart(platform: Platform) -> None:
    platform.deploy("one", wants(ONE_T4))
    (told,) = [action for action in resume(platform.world) if isinstance(action, StartContainer)]
    assert told.gpus == ONE_T4


def test_a_container_that_ended_leaves_its_gpu_to_the_next_one(platform: Platform) -> None:
    platform.deploy("one", wants(TWO_H100, containers=2))
    (first,) = platform.in_state(ContainerState.STARTING)
    platform.exit(first)
    platform.later(60_000)
    (second,) = platform.in_state(ContainerState.STARTING)
    assert (second.gpus, second.container_id != first.container_id) == (TWO_H100, True)


def test_one_that_is_told_to_end_has_its_gpu_until_it_did(platform: Platform) -> None:
    platform.live("one", wants(TWO_H100))
    platform.deploy("two", wants(TWO_H100), strategy=Strategy.RECREATE)
    assert held(platform) == [TWO_H100]
    platform.exit(platform.in_state(ContainerState.STOPPING)[0], ExitReason.STOPPED, 0)
    assert [c.version for c in platform.in_state(ContainerState.STARTING)] == [2]


def test_a_rollout_that_finds_no_gpu_is_given_up(platform: Platform) -> None:
    platform.live("one", wants(TWO_H100))
    platform.deploy("two", wants(TWO_H100))
    platform.later(ROOM_WAIT_MS)
    assert [d.version for d in platform.app().deployments] == [1]
    assert platform.states(1) == ["ready"]


def test_no_gpu_is_given_before_it_is_known_how_many_there_are() -> None:
    platform = Platform()
    platform.deploy("one", wants(ONE_H100))
    assert [c.reason for c in platform.in_state(ContainerState.PENDING)] == [NO_GPU]
    platform.say(CapacityKnown(64_000, 64_000, (ONE_H100,)))
    assert held(platform) == [ONE_H100]


def test_who_asks_for_none_gets_none(platform: Platform) -> None:
    platform.deploy("one", spec())
    assert held(platform) == [None]


MODELS = ("H100", "T4")
asked = st.lists(st.builds(Gpus, st.sampled_from(MODELS), st.integers(1, 3)), max_size=2, unique=True).map(tuple)
deploys = st.builds(
    lambda gpus, count, digest, number, strategy: DeployRequested(
        environment="main",
        app_name="shop",
        manifest_digest=digest,
        services=(wants(*gpus, containers=count),),
        strategy=strategy,
        request_id=str(number),
    ),
    asked,
    st.integers(0, 3),
    st.sampled_from("abc"),
    st.integers(0, 10_000),
    st.sampled_from(Strategy),
)
CONTAINERS = st.sampled_from([ids.container_id(ids.app_id("testng", 1), number) for number in range(1, 10)])
facts: st.SearchStrategy[Fact] = st.one_of(
    deploys,
    st.builds(ContainerStarted, CONTAINERS, st.just("10.0.0.2:8000")),
    st.builds(ContainerReady, CONTAINERS),
    st.builds(ContainerExited, CONTAINERS, st.sampled_from(ExitReason), st.integers(0, 255)),
    st.builds(EngineListed, st.integers(START_MS, START_MS + 10**6), st.lists(CONTAINERS, unique=True).map(tuple)),
    st.builds(AppStopRequested, st.just(ids.app_id("testng", 1))),
)
machines = st.tuples(st.integers(0, 3), st.integers(0, 2)).map(
    lambda counts: tuple(Gpus(model, count) for model, count in zip(MODELS, counts, strict=True) if count)
)


@settings(max_examples=150, deadline=None)
@given(machines, st.lists(st.tuples(facts, st.integers(0, 70_000)), min_size=3, max_size=30))
def test_in_no_order_of_facts_is_a_gpu_two_containers(machine: tuple[Gpus, ...], story: list[tuple[Fact, int]]) -> None:
    """Counted here by itself, beside the laws."""
    there = {gpus.model: gpus.count for gpus in machine}
    world, now_ms = step(World(tag="testng"), (CapacityKnown(64_000, 64_000, machine),), START_MS).world, START_MS
    for fact, pause_ms in story:
        now_ms += pause_ms
        done = step(world, (fact,), now_ms)
        assert broken(world, done) == []
        world = done.world
        has = [c.gpus for app in world.apps.values() for c in app.containers if c.gpus is not None]
        assert all(sum(g.count for g in has if g.model == model) <= there.get(model, 0) for model in MODELS)
