"""Apps without Servers, as `App.lookup(create_if_missing=True)` makes them (semantics 1.10.2): deployed like any other."""

from __future__ import annotations

import pytest

from homeport.core.facts import AppStopRequested, ContainerDrained, DeployRequested, ExitReason
from homeport.core.model import Strategy
from homeport.core.states import AppState, ContainerState, DeploymentState

from .platform import Platform


def empty(platform: Platform, digest: str, strategy: Strategy = Strategy.ROLLING) -> None:
    platform.deploys += 1
    platform.say(DeployRequested("main", "shop", digest, (), strategy, f"request-{platform.deploys}"))


@pytest.fixture
def platform() -> Platform:
    return Platform()


def test_an_app_without_servers_is_live_at_once_and_has_no_route(platform: Platform) -> None:
    empty(platform, "nothing")
    app = platform.app()
    assert (app.state, app.version, app.containers) == (AppState.DEPLOYED, 1, ())
    assert platform.deployment(1).state is DeploymentState.LIVE
    assert platform.actions == []


def test_the_same_nothing_again_is_a_no_op(platform: Platform) -> None:
    empty(platform, "nothing")
    empty(platform, "nothing")
    assert platform.unchanged()
    assert platform.app().version == 1


def test_servers_roll_out_in_it_as_in_any_other(platform: Platform) -> None:
    empty(platform, "nothing")
    app = platform.live("something")
    assert (app.version, app.state, len(platform.targets())) == (2, AppState.DEPLOYED, 1)


def test_a_first_version_with_servers_that_fails_leaves_the_empty_one(platform: Platform) -> None:
    empty(platform, "nothing")
    platform.deploy("broken")
    while started := platform.in_state(ContainerState.STARTING):
        platform.exit(started[0])
        platform.later(60_000)
    assert platform.app().state is AppState.DEPLOYED
    assert platform.deployment(1).state is DeploymentState.LIVE
    assert platform.targets() == []


@pytest.mark.parametrize("strategy", list(Strategy))
def test_without_its_servers_it_is_live_at_once_and_their_containers_go(platform: Platform, strategy: Strategy) -> None:
    platform.live("something")
    empty(platform, "nothing", strategy)
    assert platform.deployment(2).state is DeploymentState.LIVE
    for container in platform.in_state(ContainerState.DRAINING):
        platform.say(ContainerDrained(container.container_id, 0, platform.now_ms))
    for container in platform.in_state(ContainerState.STOPPING):
        platform.exit(container, ExitReason.STOPPED, 0)
    assert platform.app().containers == ()
    assert platform.routes[platform.app().app_id] == ()


def test_it_stops_at_once(platform: Platform) -> None:
    empty(platform, "nothing")
    platform.say(AppStopRequested(platform.app().app_id))
    assert platform.app().state is AppState.STOPPED
