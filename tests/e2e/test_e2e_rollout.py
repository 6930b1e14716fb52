"""One version takes over from another: under load, and when the new one can't."""

from __future__ import annotations

import pytest
from e2e_harness import Answer, Box, Load, wait_until
from e2e_sources import server

NEVER_OPENS = 'print("here I sit", flush=True)'
BREAKS = 'raise RuntimeError("no such model")'


def test_a_rolling_redeploy_under_load_loses_no_request(box: Box) -> None:
    url = box.deploy("rolls", server("rolls", "one"))
    old = box.container("rolls")
    with Load(url) as quick, Load(url, "/slow") as slow:
        quick.until("one")
        slow.until("one", 2)
        box.deploy("rolls", server("rolls", "two"))
        quick.until("two")
        slow.until("two", 5)
    assert (quick.failures, slow.failures) == ([], [])
    assert set(quick.answers) == set(slow.answers) == {"one", "two"}
    assert quick.answers.total() > 100
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
    later = "threading.Thread(target=lambda: (time.sleep(1.5), serve()), daemon=True).start()"
    path = box.write("later.py", server("later", enter=later))
    url = f"http://home--later-server.us-east.localhost:{box.http_port}"
    with box.begin("deploy", str(path)) as deploying:
        wait_until(lambda: box.get(url).status == 503, "a 503 while it starts")
        seen = {box.get(url).status for _ in range(20)}
        assert seen == {503}
        assert box.containers("later")[0]["state"] == "starting"
        deploying.communicate()
    assert deploying.returncode == 0
    assert box.get(url) == Answer(200, "one")


@pytest.mark.parametrize(
    ("name", "enter"),
    [("never", NEVER_OPENS), ("loopback", 'serve("127.0.0.1"); print("here I sit", flush=True)')],
)
def test_a_port_that_never_opens_fails_the_deploy_and_leaves_nothing_running(box: Box, name: str, enter: str) -> None:
    path = box.write(f"{name}.py", server(name, enter=enter, options="startup_timeout=2"))
    done = box.run("deploy", str(path))
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("Error: ")
    assert done.err.splitlines()[-1].endswith(
        "its container did not become ready within its startup_timeout of 2 s; "
        "make sure that it listens on 0.0.0.0, at the Server's port."
    )
    assert "    here I sit" in done.err.splitlines()
    wait_until(lambda: box.containers(name) == [], "the end of its containers")
    assert box.json("app", "history", name)[0]["outcome"] == "failed"
    assert box.json("app", "info", name)["lifecycle"]["state"] == "stopped"


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
