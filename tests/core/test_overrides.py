"""Autoscaler settings that are changed while a version runs: they add up, hold at once, and go with the version."""

from __future__ import annotations

from homeport.core.events import AutoscalerChanged
from homeport.core.facts import AutoscalerUpdated
from homeport.core.model import Deployment
from homeport.core.overrides import spec_of
from homeport.core.states import ContainerState

from .platform import Platform, spec


def update(platform: Platform, actor: str = "ada", **changes: int) -> None:
    platform.say(AutoscalerUpdated(platform.app().app_id, "web", tuple(sorted(changes.items())), actor))


def current(deployment: Deployment) -> tuple[int, int, int]:
    found = spec_of(deployment, "web")
    assert found is not None
    return found.min_containers, found.max_containers, found.buffer_containers


def test_updates_of_different_settings_add_up() -> None:
    platform = Platform()
    platform.live("one")
    update(platform, min_containers=2)
    update(platform, "bob", max_containers=4)
    assert current(platform.deployment(1)) == (2, 4, 0)
    assert [(o.setting, o.actor) for o in platform.deployment(1).overrides] == [
        ("max_containers", "bob"),
        ("min_containers", "ada"),
    ]


def test_a_setting_that_is_changed_again_has_its_last_value_and_actor() -> None:
    platform = Platform()
    platform.live("one")
    update(platform, min_containers=2)
    platform.later(1000)
    update(platform, "bob", min_containers=3)
    (override,) = platform.deployment(1).overrides
    assert (override.value, override.actor, override.at_ms) == (3, "bob", platform.now_ms)


def test_a_higher_minimum_starts_containers_at_once() -> None:
    platform = Platform()
    platform.live("one")
    update(platform, min_containers=3)
    assert len(platform.started()) == 2


def test_a_lower_maximum_retires_containers_at_once() -> None:
    platform = Platform()
    platform.live("one", spec(min_containers=3))
    update(platform, min_containers=1, max_containers=1)
    assert len(platform.in_state(ContainerState.READY)) == 1


def test_the_next_deployment_begins_without_them() -> None:
    platform = Platform()
    platform.live("one")
    update(platform, min_containers=3)
    platform.live("two")
    assert platform.deployment(2).overrides == ()
    assert platform.states(2) == ["ready"]


def test_a_version_that_fails_leaves_the_live_one_with_its_own() -> None:
    platform = Platform()
    platform.live("one")
    update(platform, min_containers=2)
    while waiting := platform.in_state(ContainerState.STARTING):
        platform.boot(waiting[0])
    platform.deploy("two")
    platform.later(200_000)
    assert [d.version for d in platform.app().deployments if d.state == "live"] == [1]
    assert current(platform.deployment(1)) == (2, 0, 0)


def test_an_update_during_a_rollout_is_for_both_versions_and_told_once() -> None:
    platform = Platform()
    platform.live("one")
    platform.deploy("two")
    update(platform, min_containers=2)
    assert [current(platform.deployment(v)) for v in (1, 2)] == [(2, 0, 0)] * 2
    assert sum(isinstance(e, AutoscalerChanged) for e in platform.events) == 1


def test_an_update_of_a_server_that_is_not_there_changes_nothing() -> None:
    platform = Platform()
    app = platform.live("one")
    platform.say(AutoscalerUpdated(app.app_id, "other", (("min_containers", 2),), "ada"))
    assert platform.events == []
    assert platform.app() == app
