"""kill -9 for every process of a platform, with what is promised after it. Each test has a platform of its own."""

from __future__ import annotations

import os
import signal

import pytest
from e2e_harness import Answer, Box, Load, kill, lives, wait_until
from e2e_sources import server

OPENS_LATER = "threading.Thread(target=lambda: (time.sleep(3), serve()), daemon=True).start()"
NEVER_OPENS = 'print("here I sit", flush=True)'


def test_a_killed_control_plane_costs_no_request_and_the_next_up_adopts_what_runs(own_box: Box) -> None:
    url = own_box.deploy("web", server("web"))
    before = own_box.container("web")
    processes = own_box.processes_of(before["container_id"])
    pids = own_box.pids()
    with Load(url) as load:
        load.more()
        kill(pids["control"])
        load.more()
        assert "No platform" in own_box.run("app", "list").err or own_box.run("app", "list").code == 1
        own_box.up()
        load.more()
    assert load.failures == []
    assert own_box.containers("web") == [before]
    assert own_box.processes_of(before["container_id"]) == processes
    assert own_box.pids() == {**pids, "control": own_box.pids()["control"]}
    own_box.deploy("web", server("web", "two"))
    assert own_box.get(url) == Answer(200, "two")


@pytest.mark.parametrize(
    ("enter", "outcome", "version"), [(OPENS_LATER, "live", "two"), (NEVER_OPENS, "failed", "one")], ids=["ready", "never"]
)
def test_a_deploy_that_lost_its_control_plane_is_finished_or_marked_failed(
    own_box: Box, enter: str, outcome: str, version: str
) -> None:
    url = own_box.deploy("web", server("web", "one"))
    path = own_box.write("web.py", server("web", "two", enter=enter, options="startup_timeout=6"))
    with Load(url) as load, own_box.begin("deploy", str(path)) as deploying:
        wait_until(lambda: [c for c in own_box.containers("web") if c["version"] == 2 and c["host"]], "the new container")
        own_box.kill_control_plane()
        _, err = deploying.communicate()
        assert deploying.returncode == 1
        assert err.splitlines()[-1].startswith("Error: "), err
        own_box.up()
        wait_until(lambda: own_box.json("app", "history", "web")[0]["outcome"] == outcome, f"v2 to be {outcome}")
        wait_until(lambda: len(own_box.containers("web")) == 1, "one container to be left")
    assert load.failures == []
    assert own_box.get(url) == Answer(200, version)


def test_a_container_that_ended_while_the_control_plane_was_away_is_noticed_and_replaced(own_box: Box) -> None:
    url = own_box.deploy("web", server("web"))
    old = own_box.container("web")
    own_box.kill_control_plane()
    assert own_box.get(url, "/leave").status == 502
    own_box.up()
    ended = own_box.replaced("web", old)
    assert (ended["exit_code"], ended["reason"]) == (3, "ended with exit code 3")
    own_box.answers(url, "one")


@pytest.mark.parametrize("name", ["worker", "master", "sidecar", "supervisor"])
def test_a_killed_process_of_the_router_is_back_by_itself(own_box: Box, name: str) -> None:
    url = own_box.deploy("web", server("web"))
    before = own_box.pids()
    kill(before[name])
    own_box.answers(url, "one")
    after = wait_until(lambda: _all_live(own_box, name, before[name]), f"another {name}")
    assert (after["control"], after["spawner"]) == (before["control"], before["spawner"])
    own_box.deploy("web", server("web", "two"))
    assert own_box.get(url) == Answer(200, "two")


@pytest.mark.parametrize("name", ["worker", "master"])
def test_the_router_is_back_by_itself_also_without_a_control_plane(own_box: Box, name: str) -> None:
    url = own_box.deploy("web", server("web"))
    pids = own_box.pids()
    kill(pids["control"])
    kill(pids[name])
    own_box.answers(url, "one")
    own_box.up()
    own_box.deploy("web", server("web", "two"))
    assert own_box.get(url) == Answer(200, "two")


def test_a_killed_spawner_costs_nothing_and_the_next_deploy_works(own_box: Box) -> None:
    url = own_box.deploy("web", server("web", "one"))
    with Load(url) as load:
        load.more()
        kill(own_box.pids()["spawner"])
        load.more()
        own_box.deploy("web", server("web", "two"))
        load.until("two")
    assert load.failures == []


def test_a_container_outlives_its_shim_and_its_end_is_still_noticed(own_box: Box) -> None:
    url = own_box.deploy("web", server("web"))
    old = own_box.container("web")
    with Load(url) as load:
        kill(own_box.processes_of(old["container_id"])["shim"])
        load.more()
    assert load.failures == []
    assert own_box.containers("web") == [old]
    assert own_box.get(url, "/leave").status == 502
    ended = own_box.replaced("web", old)
    assert ended["exit_code"] == 3
    own_box.answers(url, "one")


def test_everything_of_ours_killed_at_once_is_back_with_the_next_up(own_box: Box) -> None:
    url = own_box.deploy("web", server("web"))
    old = own_box.container("web")
    pids = own_box.pids()
    for pid in (*pids.values(), own_box.processes_of(old["container_id"])["shim"]):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(lives, pids.values())), "the end of all")
    own_box.up()
    own_box.answers(url, "one")
    assert own_box.containers("web") == [old]


def test_a_second_up_is_refused_and_names_the_first(own_box: Box) -> None:
    first = own_box.pids()["control"]
    done = own_box.run("up", "--detach")
    assert done.code == 1
    assert done.err.startswith("Error: ")
    assert f"pid {first}" in done.err
    assert str(own_box.data_dir) in done.err
    assert own_box.pids()["control"] == first


def test_down_ends_everything_and_up_brings_the_deployed_apps_back(own_box: Box) -> None:
    url = own_box.deploy("web", server("web"))
    own_box.deploy("gone", server("gone"))
    own_box.ok("app", "stop", "gone", "--yes")
    own_box.down()
    assert own_box.leftovers() == []
    own_box.up()
    own_box.answers(url, "one")
    states = {app["description"]: app["state"] for app in own_box.json("app", "list")}
    assert states == {"web": "deployed", "gone": "stopped"}
    assert own_box.json("app", "info", "web")["lifecycle"]["version"] == 1


def _all_live(box: Box, name: str, old: int) -> dict[str, int] | None:
    pids = box.pids()
    return pids if pids[name] not in (0, old) and all(map(lives, pids.values())) else None
