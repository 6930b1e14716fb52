"""A Server's life as the documents promise it: when it gets traffic, how it drains, and what a failed start says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from e2e_harness import COMMAND_LIMIT_S, PATIENT, Answer, Box, connect, wait_until
from e2e_sources import documents_example, server

LATE = "threading.Thread(target=lambda: (held(), serve()), daemon=True).start()"


def test_no_request_reaches_a_container_before_its_port_is_open_though_enter_returned(box: Box) -> None:
    """Check 11.25. The first deployment is over when the port is open; until then the URL refuses in words."""
    path = box.write("late.py", server("late", enter=LATE))
    with box.begin("deploy", str(path), "--json") as deploying:
        starting = wait_until(lambda: has_address(box.containers_or_none("late", "starting")), "a container that starts")
        url = f"http://home--late-server.us-east.localhost:{box.http_port}"
        wait_until(lambda: box.get(url).status != 404, "the router to know the name")
        assert box.get(url) == Answer(503, "modal-http: no container is ready")
        box.let_go(starting["container_id"])
        out, err = deploying.communicate(timeout=COMMAND_LIMIT_S)
    assert deploying.returncode == 0, err
    assert box.get(json.loads(out)["servers"][0]["url"]).status == 200
    assert [c["container_id"] for c in box.containers("late", "--all")] == [starting["container_id"]]


def has_address(container: dict[str, Any] | None) -> dict[str, Any] | None:
    """Only then something can be executed in it."""
    return container if container and container["host"] else None


@pytest.mark.parametrize(
    ("name", "enter"),
    [
        pytest.param("never-opens", "pass", id="enter returns and nothing listens"),
        pytest.param("never-returns", "threading.Event().wait()", id="enter blocks and nothing listens"),
    ],
)
def test_a_port_that_never_opens_fails_the_start_at_its_timeout(box: Box, name: str, enter: str) -> None:
    """Check 11.26; the second case is check 11.27 where no port opens: the timeout decides, not the method."""
    done = box.run("deploy", str(box.write(f"{name}.py", server(name, enter=enter, options="startup_timeout=1"))))
    assert done.code == 1
    assert "did not become ready within its startup_timeout of 1 s" in done.err, done.err
    wait_until(lambda: not box.containers(name), "the end of the container")
    (ended,) = box.containers(name, "--all")
    assert "startup_timeout" in ended["reason"], ended


def test_an_enter_method_that_serves_and_never_returns_is_ready_by_its_port(box: Box) -> None:
    """Check 11.27. The port alone decides (semantics 2.3.2)."""
    enter = "ThreadingHTTPServer(('0.0.0.0', 8000), Handler).serve_forever()"
    url = box.deploy("serves-in-enter", server("serves-in-enter", enter=enter))
    assert box.get(url).text == "one"


def test_a_server_process_that_dies_is_replaced_and_its_url_never_waits(box: Box) -> None:
    """Check 11.28."""
    url = box.deploy("dies", documents_example("dies", "import modal"))
    old = box.container("dies")
    done = box.inside("dies", KILL)
    assert done.code == 0, done
    wait_until(lambda: box.get(url).status == 503, "the dead server to be out of routing")
    assert "port" in box.replaced("dies", old)["reason"]
    assert box.get(url).status == 200


KILL = """
import os, signal
for pid in filter(str.isdigit, os.listdir("/proc")):
    if b"http.server" in open(f"/proc/{pid}/cmdline", "rb").read() and int(pid) != os.getpid():
        os.kill(int(pid), signal.SIGKILL)
"""


def test_a_slow_request_is_finished_when_the_grace_period_is_long_enough(box: Box) -> None:
    """Check 11.29. Meanwhile no new request reaches the container that drains."""
    url = box.deploy("patient", server("patient", options=PATIENT))
    with box.held("patient", url) as held:
        box.deploy("patient", server("patient", "two", options=PATIENT))
        assert {box.get(url).text for _ in range(50)} == {"two"}
        answer = held.let_go()
    assert getattr(answer, "text", answer) == "one"
    wait_until(lambda: box.ending("patient", held.container_id), "the end of the drained container")


def test_a_slow_request_is_cut_at_the_end_of_a_short_grace_period(box: Box) -> None:
    """Check 11.30. The exit method runs all the same."""
    url = box.deploy("hasty", server("hasty", options="exit_grace_period=1"))
    with box.held("hasty", url) as held:
        box.deploy("hasty", server("hasty", "two", options="exit_grace_period=1"))
        ended = wait_until(lambda: box.ending("hasty", held.container_id), "the end")
        end = wait_until(lambda: held.end, "the end of the request")
    assert getattr(end, "status", 502) == 502, end
    assert "grace period" in ended["reason"], ended
    assert "the exit method ran" in box.ok("container", "logs", held.container_id).splitlines()


def test_a_request_may_be_finished_after_sigterm_by_a_program_that_takes_the_time(box: Box) -> None:
    """Semantics 2.3.5 c and d: the router cuts nothing, also without any grace period."""
    url = box.deploy("polite", server("polite", ending="while not os.path.exists('/tmp/answered'): time.sleep(0.01)"))
    with box.held("polite", url) as held, box.begin("container", "stop", held.container_id, "--yes") as stopping:
        wait_until(lambda: box.containers_or_none("polite", "stopping"), "the stop to begin")
        answer = held.let_go()
        stopping.communicate(timeout=COMMAND_LIMIT_S)
    assert getattr(answer, "text", answer) == "one"
    assert box.ending("polite", held.container_id)
    after = wait_until(lambda: box.containers_or_none("polite", "ready"), "the one that took its place")
    box.ok("container", "exec", after["container_id"], "touch", "/tmp/answered")  # else its end would take 30 s


def test_what_a_server_sends_arrives_before_it_sends_more(box: Box) -> None:
    """Streams (events, tokens) are worth nothing if anything on the way waits for the rest."""
    url = box.deploy("streams", server("streams"))
    connection = connect(url)
    connection.request("GET", "/stream", headers={"Host": urlsplit(url).netloc})
    answer = connection.getresponse()
    assert answer.readline() == b"first\n"
    box.let_go(box.container("streams")["container_id"])
    assert (answer.readline(), answer.readline()) == (b"last\n", b"")
    connection.close()


def test_a_request_in_a_container_that_crashes_is_answered_502_and_not_sent_again(box: Box) -> None:
    """Check 11.42. Two containers: a retry would have somewhere to go."""
    url = box.deploy("crashes", server("crashes", options="min_containers=2"))
    before = {c["container_id"] for c in box.containers("crashes")}
    assert box.get(url, "/leave").status == 502
    ended = wait_until(lambda: [c for c in box.containers("crashes", "--all") if c["state"] == "ended"], "a crash")
    assert len(ended) == 1
    assert ended[0]["container_id"] in before
    box.answers(url, "one")
