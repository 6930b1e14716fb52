"""Bugs that the simulator once found, each as a script that replays it whatever the dice: people, faults, moments are set.

A seed stands for another world whenever the simulator learns something, so a failure that it finds is kept as a script here,
or in `tests/core` where the core alone tells it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest

from homeport.core.facts import AppForgotten, AppStopRequested, DeployKind, DeployRequested
from homeport.core.model import App, ServiceSpec, Strategy
from homeport.core.states import AppState, DeploymentState
from homeport.sim.door import Wish
from homeport.sim.options import Options
from homeport.sim.run import Simulation

NEVER_MS = 10**9
QUIET = {"chaos_ms": 120_000, "people_every_ms": NEVER_MS, "build_ms_max": 0}


def spec(name: str, host: str) -> ServiceSpec:
    """It runs whether or not it has requests."""
    return ServiceSpec(name, host, min_containers=1)


class Story:
    """A world in which nothing happens but what `at` says."""

    def __init__(self, requests_every_ms: int = 1_000) -> None:
        zeros = {f.name: 0 for f in fields(Options)}
        wishes = {**QUIET, "requests_every_ms": requests_every_ms, "small_machine": False}
        self.sim = Simulation(1, Options(**{**zeros, **wishes}))

    def at(self, second: float, what: Callable[[], object]) -> None:
        self.sim.timeline.after(int(second * 1000), what)

    def deploy(self, digest: str, *servers: str, name: str = "shop", build_ms: int = 0, broken: bool = False) -> None:
        specs = tuple(spec(server, f"home--{name}-{server}.us-east.localhost") for server in servers)
        fact = DeployRequested("main", name, digest, specs, Strategy.ROLLING, f"request of {digest}")
        self.sim.door.ask(Wish(fact, build_ms=build_ms, broken=broken))

    def again(self, digest: str) -> None:
        """A rollback to the version that had this digest."""
        specs = (spec("web", "home--shop-web.us-east.localhost"),)
        fact = DeployRequested("main", "shop", digest, specs, Strategy.ROLLING, f"back to {digest}", DeployKind.ROLLBACK)
        old = next(row for row in self.sim.people.past(self.app().app_id) if row.manifest_digest == digest)
        whole = {**{f.name: getattr(fact, f.name) for f in fields(fact)}, "app_id": self.app().app_id}
        self.sim.door.ask(Wish(DeployRequested(**{**whole, "of_version": old.version}), named=old.version))

    def stop(self, name: str = "shop") -> None:
        self.sim.door.ask(Wish(AppStopRequested(self.app(name).app_id)))

    def apps(self, name: str = "shop") -> list[App]:
        return [app for app in self.sim.plane.kernel.world.apps.values() if app.name == name]

    def app(self, name: str = "shop") -> App:
        return self.apps(name)[-1]


@pytest.fixture
def story() -> Story:
    return Story()


def test_an_app_deployed_anew_while_the_one_before_still_stops_has_the_url_alone(story: Story) -> None:
    story.at(1, lambda: story.deploy("1:good", "web"))
    story.at(10, story.stop)
    story.at(10.001, lambda: story.deploy("2:good", "web"))
    story.sim.run()
    assert [(app.state, app.version) for app in story.apps()] == [(AppState.DEPLOYED, 1)]


def test_after_a_restart_the_journal_holds_the_wake_up_time_that_the_world_has(story: Story) -> None:
    story.at(1, lambda: story.deploy("1:good", "web"))
    story.at(10, lambda: story.deploy("2:never", "web"))
    story.at(12, lambda: story.sim.plane.die())
    story.sim.run()
    assert story.app().deployments[-1].state is DeploymentState.LIVE


@pytest.mark.parametrize("written", [True, False])
def test_a_publish_that_a_control_plane_dies_in_is_all_there_or_not_at_all(story: Story, written: bool) -> None:
    story.at(1, lambda: story.deploy("1:good", "web"))
    story.at(10, lambda: story.sim.journal.die_after(0, written=written))
    story.at(10, lambda: story.deploy("2:good", "web"))
    story.sim.run()
    assert (story.sim.deaths, story.app().version) == (1, 2 if written else 1)


def test_routes_of_an_app_that_left_the_world_go_though_the_control_plane_died_before_it_said_so() -> None:
    """The router was down, the App's URL had a new owner, and the next control plane knew nothing of the old one."""
    story = Story(requests_every_ms=NEVER_MS)
    story.at(1, lambda: story.deploy("1:good", "web"))
    story.at(9, lambda: setattr(story.sim.router, "down", True))
    story.at(10, story.stop)
    story.at(10.001, lambda: story.deploy("2:good", "web"))
    story.at(10.1, lambda: story.sim.plane.die())
    story.at(60, lambda: setattr(story.sim.router, "down", False))
    story.sim.run()
    assert list(story.sim.router.tables) == [story.app().app_id]


def test_a_failed_build_changes_nothing(story: Story) -> None:
    seen: list[App] = []
    story.at(1, lambda: story.deploy("1:good", "web"))
    story.at(20, lambda: seen.append(story.app()))
    story.at(21, lambda: story.deploy("2:good", "web", build_ms=5_000, broken=True))
    story.sim.run()
    assert [(a.version, a.deployments, a.containers) for a in story.apps()] == [
        (a.version, a.deployments, a.containers) for a in seen
    ]
    assert story.sim.door.broken == {"2:good"}


def test_of_two_who_build_at_once_the_later_to_publish_supersedes_and_none_is_lost(story: Story) -> None:
    story.at(1, lambda: story.deploy("1:good", "web", build_ms=9_000))
    story.at(2, lambda: story.deploy("2:good", "web", build_ms=1_000))
    story.sim.run()
    outcomes = [(row.manifest_digest, row.outcome) for row in story.sim.people.past(story.app().app_id)]
    assert outcomes == [("1:good", "live"), ("2:good", "superseded")]


def test_of_two_apps_that_want_one_url_the_later_to_publish_is_refused(story: Story) -> None:
    story.at(1, lambda: story.deploy("1:good", "web", name="shop", build_ms=9_000))
    twin = DeployRequested(
        "main", "Shop", "2:good", (ServiceSpec("web", "home--shop-web.us-east.localhost"),), Strategy.ROLLING, "twin"
    )
    story.at(2, lambda: story.sim.door.ask(Wish(twin, build_ms=1_000)))
    story.sim.run()
    assert (len(story.apps("Shop")), len(story.apps("shop"))) == (1, 0)


def test_back_to_a_version_with_another_server_and_to_an_app_without_any(story: Story) -> None:
    story.at(1, lambda: story.deploy("1:good", "web"))
    story.at(10, lambda: story.deploy("2:good", "api", "jobs"))
    story.at(30, lambda: story.deploy("3:good"))
    story.at(60, lambda: story.again("1:good"))
    story.sim.run()
    assert [(c.version, c.service_id[-1]) for c in story.app().containers] == [(4, "1")]


def test_an_app_that_is_forgotten_while_the_control_plane_is_away_is_still_there(story: Story) -> None:
    story.at(1, lambda: story.deploy("1:good", "web"))
    story.at(10, story.stop)
    story.at(60, lambda: story.sim.journal.die_after(0, written=False))
    story.at(60, lambda: story.sim.door.ask(Wish(AppForgotten(story.app().app_id))))
    story.sim.run()
    assert [app.state for app in story.apps()] == [AppState.STOPPED]
