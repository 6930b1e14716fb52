"""Who of a pool gets a request: for one key always the same container, whoever comes and goes, and nobody beyond a limit."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from e2e_harness import REQUEST_LIMIT_S, Answer, Box, kill, wait_until
from e2e_sources import server

KEYS = [f"user-{number}" for number in range(24)]
HEADERS = ("Modal_Session_ID", "Modal_Routing_Affinity_Key")


def homes(box: Box, url: str, header: str = HEADERS[1]) -> dict[str, str]:
    """The container that each key's requests go to."""
    found = {}
    for key in KEYS:
        who = {box.get(url, "/who", **{header: key}).text for _ in range(3)}
        assert len(who) == 1, f"{key} went to {who}"
        found[key] = who.pop()
    return found


def pool(box: Box, app: str) -> set[str]:
    return {c["container_id"] for c in box.containers(app) if c["state"] == "ready"}


@pytest.mark.parametrize("header", HEADERS)
def test_a_key_has_one_container_and_keys_are_spread(box: Box, header: str) -> None:
    """Checks 11.31 and 11.32."""
    name = header.lower().replace("_", "-")
    url = box.deploy(name, server(name, options="min_containers=3"))
    with ThreadPoolExecutor(8) as clients:  # first requests of one key that come at once stay together too
        first = list(clients.map(lambda _: box.get(url, "/who", **{header: "newcomer"}).text, range(16)))
    assert len(set(first)) == 1
    assert set(homes(box, url, header).values()) == pool(box, name)


def test_a_key_stays_while_others_come_and_go_and_the_data_plane_crashes(box: Box) -> None:
    """Check 11.31. Only the keys of the container that left move."""
    url = box.deploy("loyal", server("loyal", options="min_containers=3"))
    before = homes(box, url)
    leaver = before[KEYS[0]]
    box.ok("container", "stop", leaver, "--yes")
    newcomer = wait_until(lambda: pool(box, "loyal") - set(before.values()), "a container in its place")
    for container_id in newcomer:
        box.reaches(url, container_id)
    after = homes(box, url)
    kept = {key: home for key, home in before.items() if home != leaver}
    assert {key: after[key] for key in kept} == kept
    assert {after[key] for key in before.keys() - kept.keys()} <= pool(box, "loyal")
    assert newcomer <= pool(box, "loyal")

    kill(box.pids()["worker"])
    wait_until(lambda: answers(box, url), "the data plane to be back")
    assert homes(box, url) == after


def test_a_request_beyond_max_concurrency_is_refused_with_429(box: Box) -> None:
    """Check 11.35."""
    url = box.deploy("full", server("full", options="max_concurrency=2"))
    with box.held("full", url), box.held("full", url):
        wait_until(lambda: box.get(url).status == 429, "both to be in the container")
        assert box.get(url) == Answer(429, "modal-http: all containers are at max_concurrency")
        assert box.get(url, Modal_Session_ID="a").status == 429
    box.answers(url, "one")


def test_the_url_is_that_of_the_routing_region(box: Box) -> None:
    """Check 11.43; a region that this platform does not have is refused with those it has."""
    url = box.deploy("faraway", server("faraway", options='routing_region="eu-west", compute_region="us-east"'))
    assert ".eu-west." in url
    program = "import homeport; print(homeport.Server.from_name('faraway', 'Server').get_url())"
    assert box.python(program).strip() == url
    assert box.get(url).text == "one"
    for option, words in (
        (
            'routing_region="mars"',
            "routing_region='mars' is not one of this platform's: us-east, us-west, eu-west, ap-south",
        ),
        ('compute_region="mars"', "compute_region='mars' can't be had: this platform runs containers in us-east"),
    ):
        done = box.run("deploy", str(box.write("nowhere.py", server("nowhere", options=option))))
        assert done.code == 1
        assert words in done.err


def test_requests_without_a_key_are_spread_over_the_pool(box: Box) -> None:
    """Check 11.33, as far as the router decides: three containers share the load."""
    url = box.deploy("spread", server("spread", options="min_containers=3"))
    with ThreadPoolExecutor(6) as clients:
        counts = Counter(clients.map(lambda _: box.get(url, "/who").text, range(60), timeout=REQUEST_LIMIT_S))
    assert set(counts) == pool(box, "spread"), json.dumps(counts)


def answers(box: Box, url: str) -> bool:
    try:
        return box.get(url).status == 200
    except (OSError, http.client.HTTPException):
        return False
