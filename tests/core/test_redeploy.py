"""Rollback and rollover in the core: deployments like any other, but never a no-op and never of what is not deployed."""

from __future__ import annotations

import pytest

from homeport.core.backoff import ROLLOUT_TRIES
from homeport.core.events import DeployRefused
from homeport.core.facts import AppStopRequested, DeployKind, DeployRequested
from homeport.core.model import App, ServiceSpec, Strategy
from homeport.core.states import AppState, ContainerState, DeploymentState

from .platform import Platform, spec


@pytest.fixture
def platform() -> Platform:
    return Platform()


def again(platform: Platform, digest: str, *specs: ServiceSpec, of: int, **given: object) -> App:
    """A rollback to v`of`, unless `given` says something else."""
    platform.deploys += 1
    app = platform.app()
    known: dict[str, object] = {
        "environment": app.environment,
        "app_name": app.name,
        "manifest_digest": digest,
        "services": specs or (spec(),),
        "strategy": Strategy.ROLLING,
        "request_id": f"request-{platform.deploys}",
        "kind": DeployKind.ROLLBACK,
        "app_id": app.app_id,
        "of_version": of,
    }
    platform.say(DeployRequested(**{**known, **given}))  # type: ignore[arg-type]  # a table of its fields
    return platform.app()


def refused(platform: Platform) -> bool:
    return any(isinstance(event, DeployRefused) for event in platform.events)


@pytest.mark.parametrize("kind", [DeployKind.ROLLOVER, DeployKind.ROLLBACK])
def test_what_runs_already_is_no_reason_to_do_nothing(platform: Platform, kind: DeployKind) -> None:  # 1.6.1
    platform.live("one")
    assert again(platform, "one", of=1, kind=kind).version == 2
    assert len(platform.started()) == 1
    assert platform.targets() == [(1, False)]
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    assert platform.deployment(2).state is DeploymentState.LIVE
    assert sorted(platform.targets()) == [(1, True), (2, False)]


def test_the_same_request_again_is_the_same_rollover(platform: Platform) -> None:
    platform.live("one")
    before = again(platform, "one", of=1, kind=DeployKind.ROLLOVER)
    platform.deploys -= 1
    assert again(platform, "one", of=1, kind=DeployKind.ROLLOVER) == before
    assert platform.unchanged()


def test_after_a_rollback_the_same_code_once_more_is_a_no_op(platform: Platform) -> None:  # 1.1.4
    platform.live("one")
    platform.live("two")
    again(platform, "one", of=1)
    assert platform.deploy("one").version == 3
    assert platform.unchanged()


def test_a_rollback_brings_back_a_server_that_had_another_name_with_its_id(platform: Platform) -> None:
    before = platform.live("one", spec("former"))
    service_id = before.services[0].service_id
    platform.live("two", spec("latter"))
    app = again(platform, "one", spec("former"), of=1)
    new = platform.in_state(ContainerState.STARTING)[0]
    assert (new.version, new.service_id) == (3, service_id)
    assert len(app.services) == 2
    platform.boot(new)
    assert [route.host for route in platform.routes[app.app_id]] == ["home--shop-former.us-east.localhost"]


def test_a_rollback_supersedes_a_rollout_that_is_under_way(platform: Platform) -> None:
    platform.live("one")
    platform.deploy("two")
    again(platform, "one", of=1)
    assert platform.states(2) == ["stopping"]
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    assert platform.deployment(3).state is DeploymentState.LIVE


def test_a_rollover_with_recreate_ends_the_old_ones_at_once(platform: Platform) -> None:  # 1.1.8
    platform.live("one")
    again(platform, "one", of=1, kind=DeployKind.ROLLOVER, strategy=Strategy.RECREATE)
    assert (platform.states(1), platform.states(2)) == (["stopping"], ["starting"])


def test_a_rollback_that_can_not_start_leaves_the_live_version(platform: Platform) -> None:
    platform.live("one")
    platform.live("two")
    again(platform, "one", of=1)
    for _ in range(ROLLOUT_TRIES):
        platform.exit(platform.in_state(ContainerState.STARTING)[0])
        platform.later(60_000)
    assert [(d.version, d.state) for d in platform.app().deployments] == [(2, DeploymentState.LIVE)]
    assert platform.states(2) == ["ready"]


def test_an_app_that_is_not_live_yet_is_refused(platform: Platform) -> None:
    before = platform.deploy("one")
    assert again(platform, "one", of=1) == before
    assert refused(platform)


@pytest.mark.parametrize("kind", [DeployKind.ROLLOVER, DeployKind.ROLLBACK])
def test_a_stopped_app_is_not_revived(platform: Platform, kind: DeployKind) -> None:  # 1.7.6
    app = platform.live("one")
    platform.say(AppStopRequested(app.app_id))
    assert again(platform, "one", of=1, kind=kind).state is AppState.STOPPING
    assert refused(platform)
    assert list(platform.world.apps) == [app.app_id]


def test_a_request_about_an_app_that_was_stopped_is_not_about_its_successor(platform: Platform) -> None:
    old = platform.live("one")
    platform.say(AppStopRequested(old.app_id))
    new = platform.live("two")
    assert again(platform, "one", of=1, app_id=old.app_id) == new
    assert refused(platform)
