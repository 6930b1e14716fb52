"""Programs that others wrote, as Servers: the files in examples/ are deployed as they are, and used by their own clients."""

from __future__ import annotations

import http.client
import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from e2e_harness import REQUEST_LIMIT_S, Box, connect
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

EXAMPLES = Path(__file__).parents[2] / "examples"
BUILD_LIMIT_S = 600
TOKEN = "change-me"


def deploy(box: Box, file: str) -> dict[str, str]:
    """URLs by the name of the Server."""
    with box.begin("deploy", str(EXAMPLES / file), "--json") as deploying:
        out, err = deploying.communicate(timeout=BUILD_LIMIT_S)
    assert deploying.returncode == 0, err
    return {server["name"]: server["url"] for server in json.loads(out)["servers"]}


@pytest.fixture(scope="module")
def programs(shared: Box) -> Iterator[dict[str, str]]:
    yield deploy(shared, "programs.py")
    shared.stop_all()


def call(url: str, method: str = "GET", path: str = "/", body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
    connection = connect(url)
    connection.request(method, path, body, {"Host": urlsplit(url).netloc, **headers})
    return connection.getresponse()


def websocket(url: str, path: str = "/") -> ClientConnection:
    """To the address itself, as everything here: `*.localhost` needs no resolver."""
    parts = urlsplit(url)
    return connect_websocket(f"ws://{parts.netloc}{path}", sock=socket.create_connection(("127.0.0.1", parts.port or 80)))


def test_fastapi_on_uvicorn(programs: dict[str, str]) -> None:
    url = programs["FastAPI"]
    assert json.load(call(url, path="/items/7")) == {"number": 7}
    assert call(url, path="/items/seven").status == 422


def test_flask_on_gunicorn(programs: dict[str, str]) -> None:
    assert call(programs["Flask"], "POST", "/upper", "größer".encode()).read().decode() == "GRÖSSER"


def test_node_on_a_port_of_its_own(programs: dict[str, str]) -> None:
    assert call(programs["Node"], "PUT", "/x?y=1").read() == b"PUT /x?y=1 by Node\n"


def test_grpc_calls_streams_and_errors(programs: dict[str, str]) -> None:
    parts = urlsplit(programs["Grpc"])
    options = [("grpc.default_authority", parts.netloc)]
    with grpc.insecure_channel(f"127.0.0.1:{parts.port}", options=options) as channel:
        greet = channel.unary_unary("/Greeter/Greet")
        assert greet(b"Ada", timeout=REQUEST_LIMIT_S) == b"Hello Ada"
        assert list(channel.unary_stream("/Greeter/Count")(b"5", timeout=REQUEST_LIMIT_S)) == [b"0", b"1", b"2", b"3", b"4"]
        assert list(channel.stream_stream("/Greeter/Shout")(iter([b"a", b"b"]), timeout=REQUEST_LIMIT_S)) == [b"A", b"B"]
        with pytest.raises(grpc.RpcError) as refused:
            greet(b"", timeout=REQUEST_LIMIT_S)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.value.details() == "say a name"


def test_a_websocket_echo(programs: dict[str, str]) -> None:
    with websocket(programs["WebSocket"]) as connection:
        for message in ("hi", b"\0" * 300_000):
            connection.send(message)
            assert connection.recv(timeout=REQUEST_LIMIT_S) == message


def test_a_stream_of_events(programs: dict[str, str]) -> None:
    """That nothing on the way waits for more, a test of streams says."""
    events = call(programs["Events"], path="/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert [line for line in events if line.strip()] == [b"data: %d\n" % number for number in range(5)]


def test_jupyterlab_runs_a_kernel(box: Box) -> None:
    url = deploy(box, "jupyter_lab.py")["Jupyter"]
    assert call(url, path="/api/kernels").status == 403, "its own password counts"
    assert b"JupyterLab" in call(url, path="/lab", Authorization=f"token {TOKEN}").read()
    kernel = json.load(call(url, "POST", "/api/kernels", b"{}", Authorization=f"token {TOKEN}"))["id"]
    with websocket(url, f"/api/kernels/{kernel}/channels?token={TOKEN}") as connection:
        connection.send(json.dumps(execute_request("6 * 7")))
        assert result(connection) == {"text/plain": "42"}


def execute_request(code: str) -> dict[str, Any]:
    header = {"msg_id": uuid.uuid4().hex, "username": "", "session": "s", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "content": content}


def result(connection: ClientConnection) -> Any:
    while True:
        message = json.loads(connection.recv(timeout=REQUEST_LIMIT_S))
        if message["msg_type"] == "execute_result":
            return message["content"]["data"]
