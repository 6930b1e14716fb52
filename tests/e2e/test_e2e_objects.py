"""Dicts and Queues between containers and people, through the socket that every container has."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from queue import Empty
from urllib.parse import urlsplit

import pytest
from e2e_harness import HELD_LIMIT_S, WAIT_LIMIT_S, Box, connect, wait_until

from homeport.client.config import Choice, find
from homeport.client.http import Client
from homeport.errors import NotFoundError
from homeport.sdk.dict import Dict
from homeport.sdk.queue import Queue

# Each request runs the Python that it carries and answers with what it leaves in `out`.
APP = """
import json, threading, traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import homeport
import homeport as modal

app = homeport.App("{name}")


class Point:
    def __init__(self, x):
        self.x = x


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        program = self.rfile.read(int(self.headers["Content-Length"])).decode()
        names = dict(globals())
        try:
            exec(program, names)
            body = json.dumps(names.get("out")).encode()
        except BaseException as error:
            body = json.dumps(f"{{type(error).__name__}}: {{error}}").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@app.server(unauthenticated=True, cpu=0.05)
class Server:
    @homeport.enter()
    def start(self):
        threading.Thread(target=ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever, daemon=True).start()
"""


def deploy(box: Box, name: str, *options: str) -> str:
    return box.deploy(name, APP.format(name=name), *options)


def run(url: str, program: str) -> object:
    """What the program left in `out`, inside the container."""
    connection = connect(url, timeout_s=HELD_LIMIT_S)
    try:
        connection.request("POST", "/", program.encode(), {"Host": urlsplit(url).netloc})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@pytest.fixture
def client(box: Box) -> Iterator[Client]:
    with Client(find(Choice(data_dir=box.data_dir), environ={}, home=box.root)) as made:
        yield made


def test_a_dict_is_shared_by_two_apps_and_people(box: Box, client: Client) -> None:
    one, two = deploy(box, "dictone"), deploy(box, "dicttwo")
    here = 'd = modal.Dict.from_name("shared", create_if_missing=True)\n'
    assert run(one, here + 'd["a"] = {"n": [1, 2]}; d.put("b", 2); out = d.put("b", 3, skip_if_exists=True)') is False
    assert run(two, here + 'out = [d["a"], d.get("b"), d.get("c", "none"), "a" in d, d.len(), sorted(d.keys())]') == [
        {"n": [1, 2]},
        2,
        "none",
        True,
        2,
        ["a", "b"],
    ]
    mine = Dict.from_name("shared", client=client)
    assert mine.pop("a") == {"n": [1, 2]}
    mine[("tuple", 1)] = "from here"
    assert run(one, here + 'out = [d[("tuple", 1)], d.get("a")]') == ["from here", None]
    assert run(one, here + 'd["f"] = lambda x: x + 1; d["p"] = Point(5); out = [d["f"](1), d["p"].x]') == [2, 5]
    assert "No module named 'dictone'" in str(run(two, here + 'out = d["p"].x'))
    assert mine["f"](41) == 42
    assert box.ok("dict", "get", "shared", "b") == "2\n"
    assert {"key": ["tuple", 1], "value": "from here"} in box.json("dict", "items", "shared")
    assert run(two, 'd = modal.Dict.from_name("nowhere"); d["x"]') == (
        "NotFoundError: There is no Dict 'nowhere' in the 'main' environment. "
        "Make it with `homeport dict create nowhere`, or with `create_if_missing=True`."
    )


def test_a_large_value_goes_in_and_out(box: Box, client: Client) -> None:
    url = deploy(box, "large")
    here = 'd = modal.Dict.from_name("large", create_if_missing=True)\n'
    assert run(url, here + 'd["big"] = b"x" * (30 << 20); out = len(d["big"])') == 30 << 20
    assert len(Dict.from_name("large", client=client)["big"]) == 30 << 20
    assert "at most 100 MiB" in str(run(url, here + 'd["big"] = b"x" * (101 << 20)'))
    box.ok("dict", "delete", "large", "--yes")


def test_a_queue_hands_each_item_to_one_and_waits(box: Box, client: Client) -> None:
    url = deploy(box, "queued")
    here = 'q = modal.Queue.from_name("work", create_if_missing=True)\n'
    assert run(
        url, here + 'q.put(1); q.put_many([2, 3]); q.put("p", partition="other"); out = [q.len(), q.len(total=True)]'
    ) == [3, 4]
    mine = Queue.from_name("work", client=client)
    assert list(mine.iterate()) == [1, 2, 3]
    assert mine.get_many(2) == [1, 2]
    assert run(url, here + 'out = [q.get(), q.get(block=False), q.get(partition="other")]') == [3, None, "p"]
    with pytest.raises(Empty):
        mine.get(timeout=0.05)
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.append(run(url, here + f"out = q.get(timeout={WAIT_LIMIT_S})")))
    waiting.start()
    mine.put({"late": True})
    waiting.join(WAIT_LIMIT_S)
    assert found == [{"late": True}]
    assert "Full" in str(run(url, here + "q.put_many(list(range(5000))); q.put(1, block=False)"))
    assert box.ok("queue", "len", "work") == "5000\n"
    assert box.json("queue", "get", "work", "2") == [{"value": 0}, {"value": 1}]
    box.ok("queue", "clear", "work", "--yes")
    assert box.ok("queue", "len", "work", "--total") == "0\n"


def test_what_was_acknowledged_survives_the_control_plane_and_who_waits_goes_on(box: Box, client: Client) -> None:
    url = deploy(box, "survivor")
    run(url, 'modal.Dict.from_name("kept", create_if_missing=True)["a"] = 1')
    found: list[object] = []
    program = 'out = modal.Queue.from_name("restart", create_if_missing=True).get(timeout=600)'
    waiting = threading.Thread(target=lambda: found.append(run(url, program)))
    waiting.start()
    wait_until(lambda: "restart" in [line["name"] for line in box.json("queue", "list")], "the Queue")
    box.kill_control_plane()
    box.up()
    with Client(find(Choice(data_dir=box.data_dir), environ={}, home=box.root)) as again:
        Queue.from_name("restart", client=again).put("after")
        waiting.join(WAIT_LIMIT_S)
        assert found == ["after"]
        assert Dict.from_name("kept", client=again)["a"] == 1
    assert run(url, 'out = modal.Dict.from_name("kept")["a"]') == 1


def test_a_container_reaches_its_own_environment_and_no_admin_route(box: Box, client: Client) -> None:
    box.run("environment", "create", "elsewhere")
    url = deploy(box, "fenced")
    there = Dict.from_name("secretive", environment_name="elsewhere", create_if_missing=True, client=client)
    there["a"] = 1
    own = str(there.object_id)
    assert str(run(url, 'modal.Dict.from_name("secretive", environment_name="elsewhere")["a"]')).startswith(
        "PermissionDeniedError: A container reaches what is in its own environment 'main' only"
    )
    assert "NotFoundError" in str(run(url, f'modal.Dict.from_id("{own}")["a"]'))
    ask = "from homeport.client.inside import Inside\ncalls = Inside.of_this_container()\n"
    assert run(url, ask + 'out = calls.call("GET", "/whoami")["environment"]') == "main"
    for path in ("/apps", "/secrets", "/status", "/containers", "/openapi.json"):
        assert str(run(url, ask + f'calls.call("GET", "{path}")')).startswith("NotFoundError: There is no GET")
    assert "AuthError" in str(run(url, ask + 'calls._token = "ct-x-y"; calls.call("GET", "/whoami")'))
    assert run(url, 'out = modal.Server.from_name("fenced", "Server").get_url()') == url
    box.ok("dict", "delete", "secretive", "-e", "elsewhere", "--yes")


def test_the_token_of_a_container_that_ended_is_worth_nothing(box: Box) -> None:
    url = deploy(box, "ending")
    token = str(run(url, 'import os; out = os.environ["MODAL_IDENTITY_TOKEN"]'))
    other = deploy(box, "another")
    use = f'from homeport.client.inside import Inside\nout = Inside("/run/homeport/platform.sock", "{token}", "main")'
    use += '.call("GET", "/whoami")["container_id"]'
    assert str(run(other, use)).startswith("ta-")
    box.ok("app", "stop", "ending", "--yes")
    assert str(run(other, use)).startswith("AuthError")


def test_ephemeral_ones_go_at_the_end(client: Client) -> None:
    with Dict.ephemeral(client=client) as d, Queue.ephemeral(client=client) as q:
        d["a"] = 1
        q.put(d["a"])
        assert q.get() == 1
        kept = d.object_id
    with pytest.raises(NotFoundError):
        Dict.from_id(kept, client=client).len()
