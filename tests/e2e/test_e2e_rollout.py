"""One version takes over from another: under load, and when the new one can't."""

from __future__ import annotations

from typing import Any

import pytest
from e2e_harness import PATIENT, Answer, Box, wait_until
from e2e_load import Load
from e2e_sources import server

NEVER_OPENS = 'print("here I sit", flush=True)'
BREAKS = 'raise RuntimeError("no such model")'


def test_the_old_version_answers_until_a_slow_one_is_ready_and_then_only_the_new_one_does(box: Box) -> None:
    """Check 11.4. Check 11.36: without a limit of containers the replacement starts beside the old one, no 503."""
    url = box.deploy("slow-start", server("slow-start", "one"))
    old = box.container("slow-start")
    path = box.write("slow-start.py", server("slow-start", "two", enter="held(); serve()"))
    with Load(url) as load, box.begin("deploy", str(path)) as deploying:
        beside = wait_until(lambda: [c for c in box.containers("slow-start") if c["version"] == 2], "the replacement")
        assert beside[0]["state"] in ("pending", "starting")
        load.more()
        assert set(load.answers) == {"one"}
        assert old in box.containers("slow-start")
        let_go_when_started(box, "slow-start", 2)
        load.until("two")
        deploying.communicate()
        load.anew()
        load.more()
        assert set(load.answers) == {"two"}
    assert load.failures == []
    assert deploying.returncode == 0


def test_a_request_that_takes_long_ends_on_the_old_container_which_ends_then(box: Box) -> None:
    """Check 11.5."""
    url = box.deploy("patient", server("patient", "one", options=PATIENT))
    with box.held("patient", url) as held:
        box.deploy("patient", server("patient", "two"))
        assert {box.get(url) for _ in range(20)} == {Answer(200, "two")}
        states = {c["container_id"]: c["state"] for c in box.containers("patient")}
        assert states.pop(held.container_id) == "draining"
        assert list(states.values()) == ["ready"]
        assert held.let_go() == Answer(200, "one")
    ended = wait_until(lambda: box.ending("patient", held.container_id), "the end of the old container")
    assert (ended["exit_code"], ended["reason"]) == (0, "replaced by v2")
    assert "the exit method ran" in box.ok("container", "logs", held.container_id)


@pytest.mark.parametrize("verb", ["deploy", "rollover"])
def test_recreate_cuts_a_request_that_takes_long_and_what_comes_after_it_is_new(box: Box, verb: str) -> None:
    """Check 11.6, as far as it concerns Servers: nobody asks a second time for somebody else."""
    name = f"abrupt-{verb}"
    url = box.deploy(name, server(name, "one"))
    path = box.write(f"{name}.py", server(name, "two" if verb == "deploy" else "one"))
    command = ("deploy", str(path)) if verb == "deploy" else ("app", "rollover", name)
    with box.held(name, url) as held:
        box.ok(*command, "--strategy", "recreate")
        first = box.get(url)
        assert wait_until(lambda: held.end, "the held request to be cut") != Answer(200, "one")
    assert first == Answer(200, "two" if verb == "deploy" else "one")
    assert box.ending(name, held.container_id)
    assert [c["version"] for c in box.containers(name)] == [2]


def test_with_one_container_at_most_a_rolling_redeploy_takes_the_old_one_first(box: Box) -> None:
    """Check 11.37: the documented limitation. There is a gap, in which requests are refused in words."""
    options = "max_containers=1"
    url = box.deploy("capped", server("capped", "one", options=options))
    path = box.write("capped.py", server("capped", "two", enter="held(); serve()", options=options))
    seen, is_held = {box.get(url)}, True
    with box.begin("deploy", str(path)) as deploying:
        while deploying.poll() is None:
            seen.add(box.get(url))
            assert len([c for c in box.containers("capped") if c["state"] in ("starting", "ready")]) <= 1
            if is_held and {answer.status for answer in seen} == {200, 503}:
                let_go_when_started(box, "capped", 2)
                is_held = False
        assert deploying.returncode == 0, deploying.stderr and deploying.stderr.read()
    assert {answer.status for answer in seen} == {200, 503}, seen
    assert {answer.text for answer in seen if answer.status == 200} <= {"one", "two"}
    assert box.get(url) == Answer(200, "two")
    assert box.json("app", "history", "capped")[0]["outcome"] == "live"


def test_a_rolling_redeploy_under_load_loses_no_request(box: Box) -> None:
    url = box.deploy("rolls", server("rolls", "one", options=PATIENT))
    old = box.container("rolls")
    with Load(url) as quick, Load(url, "/slow") as slow:
        quick.until("one", 50)
        slow.until("one", 2)
        box.deploy("rolls", server("rolls", "two", options=PATIENT))
        quick.until("two", 50)
        slow.until("two", 5)
    assert (quick.failures, slow.failures) == ([], [])
    assert set(quick.answers) == set(slow.answers) == {"one", "two"}
    wait_until(lambda: box.ending("rolls", old["container_id"]), "the end of the old version")
    assert [c["version"] for c in box.containers("rolls")] == [2]
    assert [(e["version"], e["outcome"]) for e in box.json("app", "history", "rolls")] == [(2, "live"), (1, "superseded")]


def test_many_containers_roll_one_after_the_other_and_lose_no_request(box: Box) -> None:
    options = "min_containers=3"
    url = box.deploy("rolls-many", server("rolls-many", "one", options=options))
    with Load(url) as load:
        load.until("one")
        box.deploy("rolls-many", server("rolls-many", "two", options=options))
        load.until("two")
    assert load.failures == []
    wait_until(lambda: [c["version"] for c in box.containers("rolls-many")] == [2, 2, 2], "three of the new version")


def test_recreate_answers_with_the_new_version_alone(box: Box) -> None:
    url = box.deploy("recreated", server("recreated", "one"))
    box.deploy("recreated", server("recreated", "two"), "--strategy", "recreate")
    assert {box.get(url) for _ in range(20)} == {Answer(200, "two")}


def test_no_request_reaches_a_container_before_its_port_opens(box: Box) -> None:
    later = "threading.Thread(target=lambda: (held(), serve()), daemon=True).start()"
    path = box.write("later.py", server("later", enter=later))
    url = f"http://home--later-server.us-east.localhost:{box.http_port}"
    with box.begin("deploy", str(path)) as deploying:
        wait_until(lambda: box.get(url).status == 503, "a 503 while it starts")
        seen = {box.get(url).status for _ in range(20)}
        assert seen == {503}
        let_go_when_started(box, "later", 1)
        deploying.communicate()
    assert deploying.returncode == 0
    assert box.get(url) == Answer(200, "one")


# Why a start fails, once it is over: each as (what its enter method does, what the error ends with).
NEVER_READY = {
    "never": (NEVER_OPENS, "; make sure that it listens on 0.0.0.0, at the Server's port."),
    "loopback": (
        'serve("127.0.0.1"); print("here I sit", flush=True)',
        ": it listens on 127.0.0.1:8000, which only the container itself can reach; let it listen on 0.0.0.0.",
    ),
}
STARTED_BY_THEN_S = 15  # also on a slow machine; both are waited for at once


def test_a_port_that_never_opens_fails_the_deploy_and_leaves_nothing_running(box: Box) -> None:
    """Check 11.41: a process bound to loopback is named as the likely reason."""
    for name, (enter, _) in NEVER_READY.items():
        box.write(f"{name}.py", server(name, enter=enter, options=f"startup_timeout={STARTED_BY_THEN_S}"))
    deploying = {name: box.begin("deploy", f"{name}.py") for name in NEVER_READY}
    for name, process in deploying.items():
        _, err = process.communicate()
        assert process.returncode == 1, err
        assert "    here I sit" in err.splitlines()
        error = err.splitlines()[-1]
        assert error.startswith("Error: ")
        assert f"its container did not become ready within its startup_timeout of {STARTED_BY_THEN_S} s" in error
        assert error.endswith(NEVER_READY[name][1])
    for name in NEVER_READY:
        never_was(box, name)
    assert "127.0.0.1:8000" in box.containers("loopback", "--all")[0]["reason"]


def never_was(box: Box, app: str) -> None:
    wait_until(lambda: box.containers(app) == [], "the end of its containers")
    assert box.json("app", "history", app)[0]["outcome"] == "failed"
    assert box.json("app", "info", app)["lifecycle"]["state"] == "stopped"


def test_a_redeploy_that_never_gets_ready_leaves_the_old_version_answering(box: Box) -> None:
    url = box.deploy("keeps", server("keeps", "one"))
    before = box.containers("keeps")
    with Load(url) as load:
        load.until("one")
        path = box.write("keeps.py", server("keeps", "two", enter=NEVER_OPENS, options="startup_timeout=2"))
        assert box.run("deploy", str(path)).code == 1
        load.more()
    assert load.failures == []
    assert set(load.answers) == {"one"}
    wait_until(lambda: box.containers("keeps") == before, "only the old container to be left")
    assert [(e["version"], e["outcome"]) for e in box.json("app", "history", "keeps")] == [(2, "failed"), (1, "live")]
    assert box.json("app", "info", "keeps")["lifecycle"]["version"] == 1
    assert box.json("server", "info", "keeps/Server")["version"] == 1


def test_a_crash_in_an_enter_method_shows_the_users_lines_and_not_ours(box: Box) -> None:
    path = box.write("crashes.py", server("crashes", enter=BREAKS))
    done = box.run("deploy", str(path))
    log = box.ok("app", "logs", "crashes")
    assert done.code == 1
    for text in (done.err, log):
        assert '/root/crashes.py", line ' in text
        assert BREAKS in text
        assert "RuntimeError: no such model" in text
        assert "/opt/homeport" not in text
        assert "guest" not in text
    assert "exit code 1" in done.err.splitlines()[-1].lower(), done.err
    wait_until(lambda: box.containers("crashes") == [], "the end of its containers")


def test_a_module_that_only_breaks_in_the_container_shows_the_users_lines(box: Box) -> None:
    text = server("breaks-there") + 'if os.path.exists("/opt/homeport"):\n    import nothing_of_that_name\n'
    done = box.run("deploy", str(box.write("breaks_there.py", text)))
    assert done.code == 1
    assert "import nothing_of_that_name" in done.err
    assert "ModuleNotFoundError" in done.err
    assert "homeport/guest" not in done.err


def let_go_when_started(box: Box, app: str, version: int) -> None:
    """Ends the wait in `held()` of the container of this version, which is there but not ready."""

    def started() -> list[dict[str, Any]]:
        found = [c for c in box.containers(app) if (c["version"], c["state"]) == (version, "starting")]
        return [c for c in found if c["host"]]  # before it has an address, there is nothing to execute in

    box.let_go(wait_until(started, "its start")[0]["container_id"])
