"""What people are told of why a Server has the containers that it has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from homeport.control.explain import Case, explain
from homeport.core.model import App, Container, Deployment, Load, LoadSeen, Override, Peak, Service, ServiceSpec, Strategy
from homeport.core.states import AppState, ContainerState, DeploymentState

NOW_MS = 1_000_000_000
SPEC = ServiceSpec("web", "home--shop-web.us-east.localhost", target_concurrency_centi=1000, scaleup_window_s=3)
SEEN = LoadSeen(NOW_MS - 600_000, NOW_MS - 200)


def containers(*states: ContainerState, reason: str = "") -> tuple[Container, ...]:
    return tuple(
        Container(f"ta-{number}", "fu-1", 1, state, NOW_MS, NOW_MS, reason=reason) for number, state in enumerate(states)
    )


def told(service: Service, spec: ServiceSpec = SPEC, seen: LoadSeen = SEEN, **more: Any) -> dict[str, Any]:
    overrides = more.pop("overrides", ())
    live = Deployment(1, "digest", (spec,), Strategy.ROLLING, DeploymentState.LIVE, "r", 0, overrides=overrides)
    app = App("ap-1", "main", "shop", AppState.DEPLOYED, 0, 1, (service,), (live,))
    return dict(explain(Case(replace(app, **more), live, spec, seen, NOW_MS)))


def test_a_load_says_its_numbers_since_when_and_what_would_change_it() -> None:
    load = Load(3200, NOW_MS - 100, peaks=(Peak(NOW_MS - 2_000, 5), Peak(NOW_MS - 1_000, 4)))
    service = Service("fu-1", "web", count=5, scaled_at_ms=NOW_MS - 40_000, why="45 requests were in flight", load=load)
    answer = told(service, containers=containers(*[ContainerState.READY] * 4, ContainerState.STARTING))
    assert answer["lines"] == [
        "web has 5 containers: 4 ready, 1 starting; it should have 5.",
        "Its load needs 5, decided 40 s ago: 45 requests were in flight.",
        "In flight now: 32 on average; one container is for 10.",
        "It grows when more than 50 requests are in flight for 3 s.",
        "If nothing is in flight from now on, it goes down to 4 in 58 s (scaledown_window 60 s).",
    ]
    assert (answer["rule"], answer["in_flight"], answer["wanted"]) == ("load", 32.0, 5)
    assert answer["containers"] == {"ready": 4, "starting": 1, "waiting": 0, "draining": 0}
    assert answer["when_idle"]["wanted"] == 4


def test_one_at_zero_says_what_brings_it_back_and_how_long_that_takes() -> None:
    why = "none was needed for 60 s"
    service = Service("fu-1", "web", count=0, scaled_at_ms=NOW_MS - 7_200_000, why=why, starts_ms=(2_500,))
    answer = told(service)
    assert answer["lines"] == [
        "web has no container; it should have 0.",
        "Its load needs none, decided 2 h ago: none was needed for 60 s.",
        "In flight now: 0 on average; one container is for 10.",
        "The next request that finds no container starts one; nine of ten starts take 3 s or less.",
    ]
    assert (answer["rule"], answer["when_idle"], answer["retry_after_s"]) == ("idle", None, 3)


def test_the_setting_that_has_the_last_word_is_named() -> None:
    service = Service("fu-1", "web", count=5)
    for changes, rule, line in (
        ({"max_containers": 3}, "max_containers", "max_containers allows no more than 3."),
        ({"min_containers": 7}, "min_containers", "min_containers keeps 7, whatever the load is."),
        ({"buffer_containers": 2}, "buffer_containers", "buffer_containers adds 2 while it is in use."),
        ({}, "load", "Its load needs 5."),
    ):
        answer = told(service, replace(SPEC, **changes))
        assert (answer["rule"], line in answer["lines"]) == (rule, True), answer["lines"]


def test_a_changed_setting_is_said_with_who_and_when() -> None:
    override = Override("web", "target_concurrency_centi", 250, NOW_MS - 120_000, "ada")
    answer = told(Service("fu-1", "web"), overrides=(override,))
    assert "target_concurrency was set to 2.5 by ada 2 min ago, until the next deployment." in answer["lines"]
    assert "In flight now: 0 on average; one container is for 2.5." in answer["lines"]


def test_a_load_that_has_not_lasted_long_enough_says_when_it_has() -> None:
    service = Service("fu-1", "web", load=Load(4500, NOW_MS, rising_since_ms=NOW_MS - 1_000, rising_count=5))
    assert "If its load stays as it is, it gets 5 in 2 s (scaleup_window 3 s)." in told(service)["lines"]


def test_nothing_is_promised_while_the_load_is_not_known() -> None:
    answer = told(Service("fu-1", "web"), seen=LoadSeen(1, NOW_MS - 60_000))
    assert "Its load is not known at the moment; until it is, nothing is taken away." in answer["lines"]
    assert (answer["in_flight"], answer["when_idle"]) == (None, None)


def test_what_hinders_it_is_said() -> None:
    service = Service("fu-1", "web", failures=3, retry_at_ms=NOW_MS + 8_000)
    waiting = containers(ContainerState.PENDING, reason="waits for room")
    lines = told(service, containers=waiting)["lines"]
    assert lines[0] == "web has 1 container: 1 waiting; it should have 1."
    assert "3 containers in a row failed; the next one may start in 8 s." in lines
    assert "1 waits for room." in lines


def test_the_most_that_is_written_down_of_a_server_without_a_target() -> None:
    plain = ServiceSpec("web", "home--shop-web.us-east.localhost")
    lines = told(Service("fu-1", "web", load=Load(peaks=(Peak(NOW_MS, 1),))), plain)["lines"]
    assert "In flight now: 0 on average; no target_concurrency is set, so one serves them all." in lines
    assert lines[-1] == "If nothing is in flight from now on, it goes down to 0 in 1 min (scaledown_window 60 s)."


def test_containers_that_stay_for_their_sessions_are_said_to() -> None:
    service = Service("fu-1", "web", count=1)
    answer = told(service, replace(SPEC, sessions_max=10), containers=containers(*[ContainerState.READY] * 3))
    assert "2 containers more stay until the sessions there have ended." in answer["lines"]


def test_one_at_its_most_does_not_promise_to_grow() -> None:
    lines = told(Service("fu-1", "web", count=3), replace(SPEC, max_containers=3))["lines"]
    assert "It can't grow: max_containers is 3." in lines
    assert not any(line.startswith("It grows") for line in lines)
    lines = told(Service("fu-1", "web", count=4), replace(SPEC, max_containers=3))["lines"]
    assert [line for line in lines if "max_containers" in line] == ["max_containers allows no more than 3."]


def test_one_that_its_minimum_keeps_grows_when_that_is_not_enough() -> None:
    for count in (0, 1):
        lines = told(Service("fu-1", "web", count=count), replace(SPEC, min_containers=2))["lines"]
        assert "It grows when more than 20 requests are in flight for 3 s." in lines
        assert not any(line.startswith("The next request that finds no container") for line in lines)
    buffered = told(Service("fu-1", "web", count=1), replace(SPEC, min_containers=4, buffer_containers=1))["lines"]
    assert "It grows when more than 30 requests are in flight for 3 s." in buffered


def test_a_changed_setting_has_its_unit_and_its_nothing() -> None:
    window = Override("web", "scaledown_window_s", 5, NOW_MS - 1_000, "ada")
    least = Override("web", "min_containers", 0, NOW_MS - 1_000, "ada")
    lines = told(Service("fu-1", "web"), overrides=(window, least))["lines"]
    assert "scaledown_window was set to 5 s by ada 1 s ago, until the next deployment." in lines
    assert "min_containers was set to 0 by ada 1 s ago, until the next deployment." in lines


def test_a_container_that_does_not_answer_is_not_passed_over() -> None:
    there = containers(ContainerState.READY, ContainerState.READY)
    one = (replace(there[0], failures=2), there[1])
    line = "1 container does not answer at its port; if that goes on, it is replaced."
    assert line in told(Service("fu-1", "web", count=2), containers=one)["lines"]
    both = tuple(replace(container, failures=1) for container in there)
    line = "2 containers do not answer at their port; if that goes on, they are replaced."
    assert line in told(Service("fu-1", "web", count=2), containers=both)["lines"]


def test_a_version_that_rolls_out_is_said_to_serve_once_it_does() -> None:
    rolling = Deployment(2, "digest", (SPEC,), Strategy.ROLLING, DeploymentState.ROLLING, "r", 0)
    live = replace(rolling, version=1, state=DeploymentState.LIVE)
    old, new = containers(ContainerState.READY, ContainerState.STARTING)
    for state, line in (
        (ContainerState.STARTING, "v2 rolls out; what v1 has serves until it is ready."),
        (ContainerState.READY, "v2 rolls out; 1 container of it serves already."),
    ):
        there = (old, replace(new, version=2, state=state))
        lines = told(Service("fu-1", "web", count=1), containers=there, deployments=(live, rolling))["lines"]
        assert line in lines
