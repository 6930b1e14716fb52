"""Servers that scale: to nothing and back by the first request, and by the requests that are in flight."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

from e2e_harness import HELD_LIMIT_S, PATIENT, Answer, Box, ask, connect, wait_until
from e2e_sources import server


def count(box: Box, app: str, state: str = "ready") -> int:
    return sum(c["state"] == state for c in box.containers(app))


def first(url: str) -> tuple[int, int]:
    """The status of a request, and its Retry-After in seconds."""
    connection = connect(url)
    try:
        connection.request("GET", "/", headers={"Host": urlsplit(url).netloc})
        response = connection.getresponse()
        return response.status, int(response.headers["Retry-After"])
    finally:
        connection.close()


@contextmanager
def in_flight(
    url: str, requests: int, path: str = "/slow", let_go: Callable[[], None] = lambda: None
) -> Iterator[list[Answer | str]]:
    """So many people who each wait for an answer, and then ask again. Gives their answers so far.

    At the end `let_go` is called until none of them waits any more.
    """
    over = threading.Event()
    answers: list[Answer | str] = []

    def person() -> None:
        connection = connect(url, HELD_LIMIT_S)
        while not over.is_set():
            try:
                answers.append(ask(connection, url, path))
            except (OSError, http.client.HTTPException) as error:
                answers.append(repr(error))
                connection.close()
        connection.close()

    people = [threading.Thread(target=person, daemon=True) for _ in range(requests)]
    for each in people:
        each.start()
    try:
        yield answers
    finally:
        over.set()
        wait_until(lambda: not any(each.is_alive() for each in people) or let_go(), "the last answers")


def test_an_idle_server_goes_to_nothing_and_the_first_request_brings_it_back(box: Box) -> None:
    """Check 11.22."""
    url = box.deploy("sleepy", server("sleepy", options="scaledown_window=2"))
    wait_until(lambda: box.get(url) == Answer(200, "one"), "its answer, also if it is asleep already")
    wait_until(lambda: not box.containers("sleepy"), "nothing to be left")
    status, retry_after_s = first(url)
    assert (status, retry_after_s >= 1) == (503, True)
    wait_until(lambda: box.get(url) == Answer(200, "one"), "the answer of the new container")


def test_who_comes_too_early_is_told_how_long_starts_take(box: Box) -> None:
    slow = "time.sleep(2.2); serve()"
    url = box.deploy("late", server("late", enter=slow, options="scaledown_window=2"))
    wait_until(lambda: not box.containers("late"), "nothing to be left")
    status, retry_after_s = first(url)
    assert (status, retry_after_s >= 3) == (503, True)
    wait_until(lambda: box.get(url) == Answer(200, "one"), "the answer of the new container")


def test_an_idle_app_that_is_deployed_again_is_proved_and_goes_to_nothing_again(box: Box) -> None:
    box.deploy("proved", server("proved", options="scaledown_window=2"))
    wait_until(lambda: not box.containers("proved"), "nothing to be left")
    url = box.deploy("proved", server("proved", "two", options="scaledown_window=2"))
    wait_until(lambda: box.get(url) == Answer(200, "two"), "its answer, also if it is asleep already")
    wait_until(lambda: not box.containers("proved"), "nothing to be left")


def test_without_a_target_there_are_as_many_as_the_minimum_and_all_take_part(box: Box) -> None:
    """Check 11.33."""
    url = box.deploy("three", server("three", options="min_containers=3"))
    with in_flight(url, 12) as answers:
        wait_until(lambda: len(answers) >= 36, "three rounds of answers")
        assert count(box, "three") == 3
        assert len(box.containers("three", "--all")) == 3
    assert set(answers) == {Answer(200, "one")}


def test_load_adds_containers_up_to_the_target_of_each_and_refuses_nobody(box: Box) -> None:
    """Check 11.34, with 15 in flight and a target of 4: about 4 containers. The requests go on until that is so."""
    url = box.deploy("grown", server("grown", options="target_concurrency=4, scaleup_window=1, scaledown_window=120"))
    (old,) = box.containers("grown")
    let_go = partial(let_all_go, box, "grown")
    with in_flight(url, 15, "/hold", let_go) as answers:
        wait_until(lambda: count(box, "grown") >= 4, "four containers")
        assert answers == []
        wait_until(lambda: len(answers) >= 45 or let_go(), "three rounds of answers")
        assert count(box, "grown") in (4, 5)
        assert old["container_id"] in {c["container_id"] for c in box.containers("grown")}
    assert set(answers) == {Answer(200, "one")}
    box.ok("server", "autoscaler", "update", "grown/Server", "--scaledown-window", "2")
    wait_until(lambda: not box.containers("grown"), "nothing to be left")


def let_all_go(box: Box, app: str) -> None:
    for container in box.containers(app):
        if container["state"] == "ready":
            box.let_go(container["container_id"])


def test_a_request_that_goes_on_keeps_its_container(box: Box) -> None:
    url = box.deploy("held", server("held", options="scaledown_window=120"))
    with box.held("held", url) as held:
        box.ok("server", "autoscaler", "update", "held/Server", "--scaledown-window", "5")
        assert not held.box.ending("held", held.container_id)
        box.deploy("clock", server("clock", options="scaledown_window=6"))
        wait_until(lambda: not box.containers("clock"), "another one to be idle for longer")
        assert count(box, "held") == 1
        assert held.let_go() == Answer(200, "one")
    wait_until(lambda: not box.containers("held"), "nothing to be left")


def test_a_container_that_the_autoscaler_takes_finishes_what_it_has(box: Box) -> None:
    """Check 11.29. The newest of two that are equally busy; no new request reaches it."""
    url = box.deploy("shrunk", server("shrunk", options=PATIENT))
    with box.held("shrunk", url) as first:
        box.ok("server", "autoscaler", "update", "shrunk/Server", "--min-containers", "2")
        wait_until(lambda: count(box, "shrunk") == 2, "the second container")
        (second,) = {c["container_id"] for c in box.containers("shrunk")} - {first.container_id}
        box.reaches(url, second)
        with box.held("shrunk", url, second) as held:
            box.ok("server", "autoscaler", "update", "shrunk/Server", "--min-containers", "1")
            wait_until(lambda: count(box, "shrunk", "draining") == 1, "the autoscaler to take it")
            assert {box.get(url, "/who").text for _ in range(20)} == {first.container_id}
            assert held.let_go() == Answer(200, "one")
        assert "no longer wanted" in wait_until(lambda: box.ending("shrunk", second), "its end")["reason"]
        assert first.let_go() == Answer(200, "one")


def test_a_cap_of_one_leaves_a_gap_in_a_rolling_redeploy_and_no_crash(box: Box) -> None:
    """Check 11.37."""
    url = box.deploy("only", server("only", "one", options="max_containers=1"))
    box.deploy("only", server("only", "two", options="max_containers=1"))
    wait_until(lambda: box.get(url) == Answer(200, "two"), "the new version")
    assert count(box, "only") == 1
