"""Forgetting an App: one that is stopped leaves the World and answers for no URL; no other is touched."""

from __future__ import annotations

from homeport.core.actions import SetRoutes
from homeport.core.facts import AppForgotten, AppStopRequested, ContainerExited, ExitReason
from homeport.core.states import AppState, ContainerState

from .platform import Platform


def stopped() -> Platform:
    platform = Platform()
    app = platform.live("one")
    platform.say(AppStopRequested(app.app_id))
    for container in platform.in_state(ContainerState.STOPPING):
        platform.exit(container, ExitReason.STOPPED, 0)
    assert platform.app().state is AppState.STOPPED
    assert [route.stopped for route in platform.routes[app.app_id]] == [True]
    return platform


def test_a_stopped_app_leaves_the_world_and_its_routes_go() -> None:
    platform = stopped()
    app_id = platform.app().app_id
    platform.say(AppForgotten(app_id))
    assert platform.world.apps == {}
    assert platform.routes[app_id] == ()
    platform.say(AppForgotten(app_id))
    assert platform.actions == []


def test_an_app_that_is_not_stopped_is_not_forgotten() -> None:
    platform = Platform()
    app = platform.live("one")
    platform.say(AppForgotten(app.app_id))
    assert platform.world.apps[app.app_id] == app
    platform.say(AppStopRequested(app.app_id))
    platform.say(AppForgotten(app.app_id))
    assert platform.app().state is AppState.STOPPING
    assert not platform.app().yielded


def test_its_name_is_free_for_a_new_app_at_its_first_version() -> None:
    platform = stopped()
    first = platform.app()
    platform.say(AppForgotten(first.app_id))
    again = platform.live("two")
    assert (again.app_id != first.app_id, again.version) == (True, 1)


def test_who_leaves_the_world_says_so_to_the_router_though_it_had_no_routes_left() -> None:
    """Found by the simulator: a control plane that died before it could say so had left the router with them."""
    platform = Platform()
    old = platform.live("one")
    platform.say(AppStopRequested(old.app_id))
    platform.deploy("two")
    last = next(c for c in platform.world.apps[old.app_id].containers)
    platform.say(ContainerExited(last.container_id, ExitReason.STOPPED, 0))
    assert old.app_id not in platform.world.apps
    assert SetRoutes(old.app_id, ()) in platform.actions
