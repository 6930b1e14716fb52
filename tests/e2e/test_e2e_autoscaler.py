"""Autoscaler settings that are changed while a Server runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e_harness import Box, wait_until
from e2e_sources import server

from homeport.client import config
from homeport.client.http import Client
from homeport.sdk.server import Server


def ready(box: Box, app: str, count: int) -> None:
    def are_ready() -> bool:
        return sum(c["state"] == "ready" for c in box.containers(app)) == count

    wait_until(are_ready, f"{count} ready containers")


def settings(box: Box, ref: str) -> dict[str, Any]:
    found: dict[str, Any] = box.json("server", "autoscaler", "settings", ref)
    return found


def test_an_update_holds_until_the_next_deployment(box: Box) -> None:
    """Check 11.38."""
    box.deploy("wider", server("wider", "one"))
    said = box.ok("server", "autoscaler", "update", "wider/Server", "--min-containers", "2")
    assert said.splitlines() == ["✓ Updated autoscaler settings for Server Server"]
    ready(box, "wider", 2)
    (event,) = settings(box, "wider/Server")["override_events"]
    assert (event["setting"], event["actor_name"], event["actor_type"]) == ("min_containers", "admin", "user")
    box.deploy("wider", server("wider", "two"))
    after = settings(box, "wider/Server")
    assert (after["current_settings"]["min_containers"], after["override_events"]) == (0, [])
    ready(box, "wider", 1)


@pytest.mark.parametrize("verb", ["rollover", "rollback"])
def test_a_deployment_of_what_was_there_resets_it_too(box: Box, verb: str) -> None:
    """Check 11.38, for rollback and rollover."""
    name = f"again-{verb}"
    for text in ("one", "two"):
        box.deploy(name, server(name, text))
    box.ok("server", "autoscaler", "update", f"{name}/Server", "--max-containers", "3")
    box.ok("app", verb, name)
    assert settings(box, f"{name}/Server")["override_events"] == []


def test_updates_of_two_settings_are_both_in_effect(box: Box) -> None:
    """Check 11.39."""
    box.deploy("both", server("both", options="buffer_containers=1"))
    with Client(config.find(config.Choice(data_dir=box.data_dir), environ={}, home=box.root)) as client:
        deployed = Server.from_name("both", "Server", client=client)
        deployed.update_autoscaler(min_containers=2)
        deployed.autoscaler.update(max_containers=2)
        found = deployed.autoscaler.update(buffer_containers=None)
    assert found["override_settings"] == {"min_containers": 2, "max_containers": 2, "buffer_containers": 0}
    assert found["static_settings"] == {"buffer_containers": 1}
    assert found["default_settings"]["max_containers"] is None
    now = found["current_settings"]
    assert (now["min_containers"], now["max_containers"], now["buffer_containers"]) == (2, 2, 0)
    ready(box, "both", 2)
    box.ok("server", "autoscaler", "update", "both/Server", "--min-containers", "1", "--max-containers", "1")
    ready(box, "both", 1)
    acts = [act for act in box.json("audit", "list") if (act["action"], act["app_name"]) == ("autoscaler.update", "both")]
    assert len(acts) == 4
    assert {act["actor"] for act in acts} == {"admin"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--min-containers", "3"], "`min_containers` (3) cannot be greater than `max_containers` (2)."),
        (["--target-concurrency", "9"], "The `target_concurrency` argument cannot be greater than `max_concurrency`."),
        (["--scaledown-window", "1"], "`scaledown_window` must be between 2 and 3600 (inclusive)."),
        (["--scaleup-window", "0"], "`scaleup_window` must be > 0."),
    ],
)
def test_what_contradicts_is_refused_and_changes_nothing(box: Box, options: list[str], words: str) -> None:
    name = options[0].strip("-")
    box.deploy(name, server(name, options="max_containers=2, max_concurrency=8"))
    before = settings(box, f"{name}/Server")
    done = box.run("server", "autoscaler", "update", f"{name}/Server", *options)
    assert (done.code, done.err.strip()) == (1, f"Error: {words}")
    assert settings(box, f"{name}/Server") == before


def test_settings_as_a_table_and_an_update_of_nothing(box: Box) -> None:
    box.deploy("shown", server("shown", options="target_concurrency=0.5"))
    lines = box.ok("server", "autoscaler", "settings", "shown/Server").splitlines()
    assert lines[0].split() == ["Setting", "Value", "Overridden", "By"]
    assert any(line.split() == ["target_concurrency", "1"] for line in lines)
    assert box.ok("server", "autoscaler", "update", "shown/Server") == "No autoscaler settings specified.\n"
    answer = json.loads(box.ok("server", "autoscaler", "update", "shown/Server", "--target-concurrency", "none", "--json"))
    assert answer["current_settings"]["target_concurrency"] is None


def test_explain_says_why_there_are_as_many_and_what_would_change_it(box: Box) -> None:
    box.deploy("why", server("why", options="target_concurrency=4, scaledown_window=600"))
    box.ok("server", "autoscaler", "update", "why/Server", "--min-containers", "2")
    ready(box, "why", 2)
    said = box.ok("server", "autoscaler", "explain", "why/Server").splitlines()
    assert said[0] == "Server has 2 containers: 2 ready; it should have 2."
    assert "min_containers keeps 2, whatever the load is." in said
    assert any(line.startswith("min_containers was set to 2 by admin ") for line in said)
    answer = box.json("server", "autoscaler", "explain", "why/Server")
    assert (answer["rule"], answer["wanted"], answer["containers"]["ready"]) == ("min_containers", 2, 2)
