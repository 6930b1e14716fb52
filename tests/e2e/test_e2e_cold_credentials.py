"""Who is refused wakes nothing: checks 11.23 and 11.24 where no container runs."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from e2e_harness import Answer, Box, connect, wait_until
from e2e_sources import server

LOOKS_S = 1.5  # as long as demand takes to start a container, and more


def get(url: str, headers: dict[str, str]) -> Answer:
    connection = connect(url)
    connection.request("GET", "/", headers={"Host": urlsplit(url).netloc, **headers})
    response = connection.getresponse()
    answer = Answer(response.status, response.read().decode().strip())
    connection.close()
    return answer


def stays_asleep(box: Box, app: str) -> None:
    until_s = time.monotonic() + LOOKS_S
    while time.monotonic() < until_s:
        assert box.containers(app) == []
        time.sleep(0.1)


def test_only_who_is_let_in_wakes_a_server_that_sleeps(box: Box) -> None:
    closed = server("asleep", options="scaledown_window=2").replace("unauthenticated=True", "unauthenticated=False")
    url = box.deploy("asleep", closed)
    wait_until(lambda: box.containers("asleep") == [], "no container to run any more")
    token = box.json("workspace", "proxy-tokens", "create")
    good = {"Modal-Key": token["Modal-Key"], "Modal-Secret": token["Modal-Secret"]}
    half, wrong = {"Modal-Key": token["Modal-Key"]}, {**good, "Modal-Secret": "ws-wrong"}
    assert [get(url, headers).status for headers in ({}, half, wrong)] == [401] * 3
    stays_asleep(box, "asleep")
    box.ok("workspace", "rbac", "on")
    try:
        assert get(url, good) == Answer(403, "modal-http: this token is not valid for the environment of this app")
        stays_asleep(box, "asleep")
    finally:
        box.ok("workspace", "rbac", "off")
    assert get(url, good).status == 503
    wait_until(lambda: get(url, good).status == 200, "the container that the request has started")
