"""How versions take over from each other, one story a test. Rows of the semantics in brackets."""

from __future__ import annotations

import pytest

from homeport.core.backoff import ROLLOUT_TRIES
from homeport.core.events import ContainerMoved
from homeport.core.facts import (
    AppStopRequested,
    ContainerDrained,
    ContainerProbed,
    ContainerStarted,
    ContainerStopRequested,
    ContainerUnreachable,
    DeployRequested,
    ExitReason,
)
from homeport.core.model import Strategy
from homeport.core.retire import FAILED_PROBES_MAX
from homeport.core.rollout import GRACE_MS
from homeport.core.states import AppState, ContainerState, DeploymentState

from .platform import Platform, spec


@pytest.fixture
def platform() -> Platform:
    return Platform()


def test_a_first_deploy_starts_a_container_and_is_live_when_it_serves(platform: Platform) -> None:
    app = platform.deploy("one")
    assert (app.state, app.version, len(platform.started())) == (AppState.INITIALIZING, 1, 1)
    assert [route.targets for route in platform.routes[app.app_id]] == [()]
    platform.boot(app.containers[0])
    assert platform.app().state is AppState.DEPLOYED
    assert platform.deployment(1).state is DeploymentState.LIVE
    assert platform.targets() == [(1, False)]


def test_a_redeploy_keeps_the_old_container_until_the_new_one_serves(platform: Platform) -> None:  # 1.1.7
    platform.live("one")
    platform.deploy("two")
    assert platform.targets() == [(1, False)]
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    assert sorted(platform.targets()) == [(1, True), (2, False)]
    assert platform.stopped() == []


def test_an_old_container_ends_when_its_requests_are_over_and_not_before(platform: Platform) -> None:  # 11.5
    platform.live("one")
    platform.deploy("two")
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    old = platform.in_state(ContainerState.DRAINING)[0]
    platform.say(ContainerDrained(old.container_id, 3, platform.now_ms))
    assert platform.stopped() == []
    platform.say(ContainerDrained(old.container_id, 0, platform.now_ms))
    assert platform.stopped() == [old.container_id]


def test_a_container_that_ends_by_itself_has_failed_and_one_that_is_told_to_has_not(platform: Platform) -> None:
    platform.live("one")
    (container,) = platform.in_state(ContainerState.READY)
    platform.exit(container, ExitReason.EXITED, 3)
    ended = next(e.container for e in platform.events if isinstance(e, ContainerMoved))
    assert (ended.state, ended.failed) == (ContainerState.ENDED, True)
    platform.later(60_000)
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    (container,) = platform.in_state(ContainerState.READY)
    platform.say(ContainerStopRequested(container.container_id))
    platform.exit(platform.in_state(ContainerState.STOPPING)[0], ExitReason.STOPPED, 0)
    assert not [e for e in platform.events if isinstance(e, ContainerMoved) and e.container.failed]


def test_a_drain_ends_with_its_grace_period(platform: Platform) -> None:  # 2.3.5
    platform.live("one", spec(exit_grace_ms=60_000))
    platform.deploy("two", spec(exit_grace_ms=60_000))
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    platform.later(59_999)
    assert platform.stopped() == []
    platform.later(1)
    assert len(platform.stopped()) == 1


def test_without_a_grace_period_a_redeploy_still_lets_requests_finish(platform: Platform) -> None:
    platform.live("one")
    platform.deploy("two")
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    platform.later(GRACE_MS - 1)
    assert platform.stopped() == []


def test_what_was_seen_before_the_drain_began_does_not_end_it(platform: Platform) -> None:
    platform.live("one")
    platform.deploy("two")
    platform.now_ms += 100
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    old = platform.in_state(ContainerState.DRAINING)[0]
    platform.say(ContainerDrained(old.container_id, 0, platform.now_ms - 1))
    assert platform.stopped() == []


def test_one_old_container_drains_for_each_new_one_that_serves(platform: Platform) -> None:
    platform.live("one", spec(min_containers=3))
    platform.deploy("two", spec(min_containers=3))
    for ready in (1, 2, 3):
        platform.boot(platform.in_state(ContainerState.STARTING)[0])
        assert platform.targets().count((1, False)) == 3 - ready


def test_a_change_of_one_server_rolls_all_of_them(platform: Platform) -> None:  # 1.1.2
    platform.live("one", spec("api"), spec("web"))
    platform.deploy("two", spec("api"), spec("web", min_containers=2))
    assert platform.states(2) == ["starting"] * 3


def test_the_same_configuration_changes_nothing(platform: Platform) -> None:  # 1.1.4
    before = platform.live("one")
    assert platform.deploy("one") == before
    assert platform.unchanged()
    assert platform.actions == []


def test_a_request_that_is_repeated_is_one_deployment(platform: Platform) -> None:
    platform.live("one")
    platform.deploy("two")
    platform.deploys -= 1
    assert platform.deploy("two").version == 2


def test_a_request_that_is_repeated_late_does_not_undo_what_came_after_it(platform: Platform) -> None:
    platform.live("one")
    first = platform.deployment(1)
    platform.live("two")
    platform.say(DeployRequested("main", "shop", "one", first.services, Strategy.ROLLING, first.request_id))
    assert (platform.unchanged(), platform.app().version) == (True, 2)


def test_a_version_that_never_opens_its_port_fails_and_the_old_one_stays(platform: Platform) -> None:  # 2.3.3
    platform.live("one")
    app = platform.deploy("two", spec(startup_timeout_ms=2_000))
    new = platform.in_state(ContainerState.STARTING)[0]
    platform.say(ContainerStarted(new.container_id, "10.0.0.9:8000"))
    platform.later(2_000)
    failed = platform.deployment(2)
    assert failed.state is DeploymentState.FAILED
    assert "startup_timeout of 2 s" in failed.reason
    assert failed.culprit == new.container_id
    assert platform.targets() == [(1, False), (2, True)]
    assert platform.stopped() == [new.container_id]
    platform.exit(new, ExitReason.STOPPED)
    assert platform.app().version == app.version == 2
    assert platform.states(1) == ["ready"]


def test_where_a_container_listens_instead_is_the_reason_of_its_failure(platform: Platform) -> None:  # 2.2.11
    platform.live("one")
    app = platform.deploy("two", spec(startup_timeout_ms=2_000))
    (new,) = platform.in_state(ContainerState.STARTING)
    platform.say(ContainerStarted(new.container_id, "10.0.0.9:8000"))
    platform.say(ContainerUnreachable(new.container_id, "it listens on 127.0.0.1:8000"))
    assert platform.app().containers[-1].reason == "it listens on 127.0.0.1:8000"
    platform.later(2_000)
    failed = platform.deployment(app.version)
    assert failed.state is DeploymentState.FAILED
    assert failed.reason.endswith("did not become ready within its startup_timeout of 2 s: it listens on 127.0.0.1:8000")
    assert platform.app().containers[-1].reason.endswith("it listens on 127.0.0.1:8000")


def test_a_first_version_that_fails_takes_its_app_with_it(platform: Platform) -> None:  # 1.1.11
    platform.deploy("one", spec(startup_timeout_ms=2_000))
    new = platform.in_state(ContainerState.STARTING)[0]
    platform.say(ContainerStarted(new.container_id, "10.0.0.9:8000"))
    platform.later(2_000)
    platform.exit(new, ExitReason.STOPPED)
    assert platform.app().state is AppState.STOPPED


def test_a_crash_loop_fails_the_rollout_after_a_few_tries(platform: Platform) -> None:
    platform.live("one")
    platform.deploy("two")
    for _ in range(ROLLOUT_TRIES):
        assert platform.deployment(2).state is DeploymentState.ROLLING
        platform.exit(platform.in_state(ContainerState.STARTING)[0])
        platform.later(60_000)
    assert [d.version for d in platform.app().deployments] == [1]
    assert platform.states(1) == ["ready"]


def test_tries_of_a_crash_loop_are_spaced_out(platform: Platform) -> None:
    platform.live("one")
    platform.exit(platform.in_state(ContainerState.READY)[0])
    assert len(platform.started()) == 1
    platform.exit(platform.in_state(ContainerState.STARTING)[0])
    assert platform.started() == []
    platform.later(999)
    assert platform.started() == []
    platform.later(1)
    assert len(platform.started()) == 1


def test_a_newer_deploy_supersedes_a_rollout(platform: Platform) -> None:
    platform.live("one")
    platform.deploy("two")
    platform.deploy("three")
    assert platform.states(2) == ["stopping"]
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    assert platform.deployment(3).state is DeploymentState.LIVE


def test_recreate_ends_the_old_ones_at_once(platform: Platform) -> None:  # 1.1.8
    platform.live("one")
    platform.deploy("two", strategy=Strategy.RECREATE)
    assert platform.states(1) == ["stopping"]
    assert platform.states(2) == ["starting"]
    assert platform.targets() == [(1, True)], "what it has in flight is cut by its own end, not by the router"


def test_recreate_does_not_wait_for_what_drains_from_before(platform: Platform) -> None:  # 1.1.8, 1.4.13
    platform.live("one", spec(exit_grace_ms=600_000))
    platform.deploy("two")
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    assert platform.states(1) == ["draining"]
    platform.deploy("three", strategy=Strategy.RECREATE)
    assert (platform.states(1), platform.states(2), platform.states(3)) == (["stopping"], ["stopping"], ["starting"])


def test_a_recreate_that_fails_brings_the_old_version_back(platform: Platform) -> None:
    platform.live("one")
    platform.deploy("two", strategy=Strategy.RECREATE)
    for _ in range(ROLLOUT_TRIES):
        platform.exit(next(c for c in platform.in_state(ContainerState.STARTING) if c.version == 2))
        platform.later(60_000)
    assert "starting" in platform.states(1)


def test_a_server_that_is_taken_out_serves_until_the_new_version_is_live(platform: Platform) -> None:  # 1.1.13
    platform.live("one", spec("api"), spec("web"))
    app = platform.deploy("two", spec("api"))
    assert len(platform.routes[app.app_id]) == 2
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    assert [route.host for route in platform.routes[app.app_id]] == ["home--shop-api.us-east.localhost"]
    assert platform.states(1) == ["draining", "draining"]


def test_a_server_keeps_its_id_over_versions(platform: Platform) -> None:  # 1.1.12
    before = platform.live("one").services[0].service_id
    assert platform.live("two").services[0].service_id == before


def test_a_stopped_app_ends_and_its_url_says_so(platform: Platform) -> None:  # 1.8.5
    app = platform.live("one")
    platform.say(AppStopRequested(app.app_id))
    assert [(r.stopped, r.targets) for r in platform.routes[app.app_id]] == [(True, ())]
    platform.exit(platform.in_state(ContainerState.STOPPING)[0], ExitReason.STOPPED, 0)
    assert platform.app().state is AppState.STOPPED


@pytest.mark.parametrize("failed", [False, True])
def test_stopped_during_a_rollout_all_urls_that_it_had_say_so(platform: Platform, failed: bool) -> None:  # 1.8.5
    """Also where the live version failed to be replaced, and what failed still ends."""
    app = platform.live("one", spec("web"), spec("old"))
    platform.deploy("two", spec("web"), spec("new"))
    if failed:
        for number, container in enumerate(platform.in_state(ContainerState.STARTING)):
            platform.say(ContainerStarted(container.container_id, f"10.0.1.{number}:8000"))
        platform.later(31_000)
        assert platform.deployment(2).state is DeploymentState.FAILED
        assert platform.states(2)
    platform.say(AppStopRequested(app.app_id))
    wanted = {f"home--shop-{name}.us-east.localhost" for name in ("web", "old", *([] if failed else ["new"]))}
    while stopping := platform.in_state(ContainerState.STOPPING):
        assert {(r.host, r.stopped) for r in platform.routes[app.app_id]} == {(host, True) for host in wanted}
        platform.exit(stopping[0], ExitReason.STOPPED, 0)
    assert platform.app().state is AppState.STOPPED
    assert {route.host for route in platform.routes[app.app_id]} == wanted
    platform.live("three", spec("old"), name="other")
    assert platform.routes[app.app_id] == ()


def test_the_same_name_deployed_after_a_stop_is_a_new_app(platform: Platform) -> None:  # 1.8.1, 11.15
    old = platform.live("one")
    platform.say(AppStopRequested(old.app_id))
    new = platform.deploy("one")
    assert (new.app_id != old.app_id, new.version) == (True, 1)
    assert platform.routes[old.app_id] == ()


def test_a_container_that_died_is_replaced(platform: Platform) -> None:
    platform.live("one")
    platform.exit(platform.in_state(ContainerState.READY)[0], code=137)
    assert platform.states(1) == ["starting"]
    assert platform.targets() == []


def test_a_container_that_stops_answering_leaves_routing_at_once_and_is_replaced_later(platform: Platform) -> None:  # 2.3.4
    platform.live("one")
    sick = platform.in_state(ContainerState.READY)[0]
    platform.say(ContainerProbed(sick.container_id, healthy=False))
    assert platform.targets() == [(1, True)]
    for _ in range(FAILED_PROBES_MAX):
        platform.say(ContainerProbed(sick.container_id, healthy=False))
    assert platform.stopped() == [sick.container_id]
    assert len(platform.started()) == 1


def test_a_container_that_answers_again_is_routed_again(platform: Platform) -> None:
    platform.live("one")
    sick = platform.in_state(ContainerState.READY)[0]
    platform.say(ContainerProbed(sick.container_id, healthy=False))
    platform.say(ContainerProbed(sick.container_id, healthy=True))
    assert platform.targets() == [(1, False)]


def test_a_container_that_a_person_stops_is_replaced(platform: Platform) -> None:
    platform.live("one")
    one = platform.in_state(ContainerState.READY)[0]
    platform.say(ContainerStopRequested(one.container_id))
    assert platform.stopped() == [one.container_id]
    assert len(platform.started()) == 1


def test_stopping_a_container_that_drains_does_not_cut_its_requests(platform: Platform) -> None:  # found by seed 8
    platform.live("one")
    platform.deploy("two")
    platform.boot(platform.in_state(ContainerState.STARTING)[0])
    old = platform.in_state(ContainerState.DRAINING)[0]
    platform.say(ContainerStopRequested(old.container_id))
    assert platform.stopped() == []
