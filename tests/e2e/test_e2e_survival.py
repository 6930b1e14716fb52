"""kill -9 for every process of a platform, with what is promised after it.

All tests share one platform, which thereby goes through all of it; each begins with a running one and deploys `web` anew.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from e2e_harness import Answer, Box, kill, lives, running, wait_until
from e2e_load import Load
from e2e_sources import server

OPENS_WHEN_LET_GO = "threading.Thread(target=lambda: (held(), serve()), daemon=True).start()"
NEVER_OPENS = 'print("here I sit", flush=True)'


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running(tmp_path_factory.mktemp("tried")) as started:
        yield started


@pytest.fixture
def sturdy(tried: Box) -> Iterator[Box]:
    yield tried
    if tried.run("status").code != 0:  # the test failed in the middle
        tried.up()
    tried.run("app", "stop", "web", "--yes")


def test_a_killed_control_plane_costs_no_request_and_the_next_up_adopts_what_runs(sturdy: Box) -> None:
    url = sturdy.deploy("web", server("web"))
    before = sturdy.container("web")
    processes = sturdy.processes_of(before["container_id"])
    pids = sturdy.pids()
    with Load(url) as load:
        load.more()
        kill(pids["control"])
        load.more()
        assert "homeport up" in sturdy.run("app", "list").err
        sturdy.up()
        load.more()
    assert load.failures == []
    assert sturdy.containers("web") == [before]
    assert sturdy.processes_of(before["container_id"]) == processes
    assert sturdy.pids() == {**pids, "control": sturdy.pids()["control"]}
    sturdy.deploy("web", server("web", "two"))
    assert sturdy.get(url) == Answer(200, "two")


@pytest.mark.parametrize(
    ("enter", "outcome", "version"),
    [(OPENS_WHEN_LET_GO, "live", "two"), (NEVER_OPENS, "failed", "one")],
    ids=["ready", "never"],
)
def test_a_deploy_that_lost_its_control_plane_is_finished_or_marked_failed(
    sturdy: Box, enter: str, outcome: str, version: str
) -> None:
    url = sturdy.deploy("web", server("web", "one"))
    options = f"startup_timeout={120 if outcome == 'live' else 6}"
    path = sturdy.write("web.py", server("web", "two", enter=enter, options=options))
    with Load(url) as load, sturdy.begin("deploy", str(path)) as deploying:
        (new,) = wait_until(
            lambda: [c for c in sturdy.containers("web") if c["version"] == 2 and c["host"]], "the new container"
        )
        sturdy.kill_control_plane()
        _, err = deploying.communicate()
        assert deploying.returncode == 1
        assert err.splitlines()[-1].startswith("Error: "), err
        sturdy.up()
        if outcome == "live":
            sturdy.let_go(new["container_id"])
        wait_until(lambda: sturdy.json("app", "history", "web")[0]["outcome"] == outcome, f"v2 to be {outcome}")
        wait_until(lambda: len(sturdy.containers("web")) == 1, "one container to be left")
    assert load.failures == []
    assert sturdy.get(url) == Answer(200, version)


def test_a_container_that_ended_while_the_control_plane_was_away_is_noticed_and_replaced(sturdy: Box) -> None:
    url = sturdy.deploy("web", server("web"))
    old = sturdy.container("web")
    sturdy.kill_control_plane()
    assert sturdy.get(url, "/leave").status == 502
    sturdy.up()
    ended = sturdy.replaced("web", old)
    assert (ended["exit_code"], ended["reason"]) == (3, "ended with exit code 3")
    sturdy.answers(url, "one")


@pytest.mark.parametrize("name", ["worker", "master", "sidecar", "supervisor"])
def test_a_killed_process_of_the_router_is_back_by_itself(sturdy: Box, name: str) -> None:
    url = sturdy.deploy("web", server("web"))
    before = sturdy.pids()
    kill(before[name])
    sturdy.answers(url, "one")
    after = wait_until(lambda: _all_live(sturdy, name, before[name]), f"another {name}")
    assert (after["control"], after["spawner"]) == (before["control"], before["spawner"])
    sturdy.deploy("web", server("web", "two"))
    assert sturdy.get(url) == Answer(200, "two")


@pytest.mark.parametrize("name", ["worker", "master"])
def test_the_router_is_back_by_itself_also_without_a_control_plane(sturdy: Box, name: str) -> None:
    url = sturdy.deploy("web", server("web"))
    pids = sturdy.pids()
    kill(pids["control"])
    kill(pids[name])
    sturdy.answers(url, "one")
    sturdy.up()
    sturdy.deploy("web", server("web", "two"))
    assert sturdy.get(url) == Answer(200, "two")


def test_a_killed_spawner_costs_nothing_and_the_next_deploy_works(sturdy: Box) -> None:
    url = sturdy.deploy("web", server("web", "one"))
    with Load(url) as load:
        load.more()
        kill(sturdy.pids()["spawner"])
        load.more()
        sturdy.deploy("web", server("web", "two"))
        load.until("two")
    assert load.failures == []


def test_a_container_outlives_its_shim_and_its_end_is_still_noticed(sturdy: Box) -> None:
    url = sturdy.deploy("web", server("web"))
    old = sturdy.container("web")
    with Load(url) as load:
        shim = sturdy.processes_of(old["container_id"])["shim"]
        kill(shim)
        load.more()
        wait_until(lambda: sturdy.processes_of(old["container_id"])["shim"] != shim, "another shim")
    assert load.failures == []
    assert sturdy.containers("web") == [old]
    assert sturdy.get(url, "/leave").status == 502
    ended = sturdy.replaced("web", old)
    assert ended["exit_code"] == 3
    sturdy.answers(url, "one")


def test_everything_of_ours_killed_at_once_is_back_with_the_next_up(sturdy: Box) -> None:
    url = sturdy.deploy("web", server("web"))
    old = sturdy.container("web")
    pids = sturdy.pids()
    for pid in (*pids.values(), sturdy.processes_of(old["container_id"])["shim"]):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(lives, pids.values())), "the end of all")
    sturdy.up()
    sturdy.answers(url, "one")
    assert sturdy.containers("web") == [old]


def test_a_second_up_is_refused_and_names_the_first(sturdy: Box) -> None:
    first = sturdy.pids()["control"]
    done = sturdy.run("up", "--detach")
    assert done.code == 1
    assert done.err.startswith("Error: ")
    assert f"pid {first}" in done.err
    assert str(sturdy.data_dir) in done.err
    assert sturdy.pids()["control"] == first


def test_down_ends_everything_and_up_brings_the_deployed_apps_back(sturdy: Box) -> None:
    url = sturdy.deploy("web", server("web"))
    sturdy.deploy("gone", server("gone"))
    sturdy.ok("app", "stop", "gone", "--yes")
    sturdy.down()
    sturdy.leaves_nothing()
    sturdy.up()
    sturdy.answers(url, "one")
    lives_of = {name: sturdy.json("app", "info", name)["lifecycle"] for name in ("web", "gone")}
    assert (lives_of["web"]["state"], lives_of["web"]["version"]) == ("deployed", 1)
    assert lives_of["gone"]["state"] == "stopped"
    assert sturdy.containers("gone") == []


def _all_live(box: Box, name: str, old: int) -> dict[str, int] | None:
    pids = box.pids()
    return pids if pids[name] not in (0, old) and all(map(lives, pids.values())) else None
