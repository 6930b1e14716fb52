"""The way to the platform from inside a container, against a server on a Unix socket."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from homeport.client import inside
from homeport.client.inside import Inside
from homeport.errors import AuthError, ConnectionError, NotFoundError  # noqa: A004 - the public API's name for it


class Handler(BaseHTTPRequestHandler):
    """Tells what it was asked, or does what the path says."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/v1/none":
            self._answer(204, b"")
        elif self.path == "/v1/refused":
            self._answer(404, json.dumps({"error": {"code": "not_found", "message": "There is none."}}).encode())
        elif self.path == "/v1/odd":
            self._answer(502, b"<html>")
        elif self.path == "/v1/cut":
            self.close_connection = True
        elif self.path == "/v1/bytes":
            self._answer(200, b"x" * 3_000_000)
        else:
            said: dict[str, Any] = {"method": self.command, "path": self.path, "body": body.decode()}
            self._answer(200, json.dumps({**said, "token": self.headers["Authorization"]}).encode())

    do_POST = do_PUT = do_GET

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def address_string(self) -> str:
        return "a container"

    def log_message(self, *_args: object) -> None:
        return


@contextmanager
def serving(path: Path) -> Iterator[None]:
    server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Inside]:
    with serving(tmp_path / "s"):
        yield Inside(str(tmp_path / "s"), "ct-1", "main")


def test_a_call_takes_its_token_parameters_and_body_along(calls: Inside) -> None:
    said = calls.call("POST", "/a/b", params={"n": 1, "yes": True, "none": None, "text": "ä b"}, body={"k": "v"})
    assert said == {
        "method": "POST",
        "path": "/v1/a/b?n=1&yes=true&text=%C3%A4+b",
        "body": '{"k": "v"}',
        "token": "Bearer ct-1",
    }
    assert calls.call("POST", "/none") == {}


def test_bytes_go_and_come_in_pieces(calls: Inside) -> None:
    calls.send("PUT", "/up", iter([b"a", b"b"]), 2)
    assert b"".join(calls.receive("/bytes")) == b"x" * 3_000_000
    with pytest.raises(NotFoundError):
        list(calls.receive("/refused"))


def test_a_refusal_is_the_error_that_it_stands_for(calls: Inside) -> None:
    with pytest.raises(NotFoundError, match=r"There is none\."):
        calls.call("GET", "/refused")
    for path in ("/odd", "/cut"):
        with pytest.raises(ConnectionError):
            calls.call("GET", path)


def test_a_call_waits_for_a_platform_that_is_being_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, paused = Inside(str(tmp_path / "s"), "ct-1", "main"), []
    with serving(tmp_path / "away"):

        def pause(seconds: float) -> None:
            paused.append(seconds)
            if len(paused) == 2:
                (tmp_path / "away").rename(tmp_path / "s")

        monkeypatch.setattr(inside.time, "sleep", pause)
        assert calls.call("GET", "/a")["path"] == "/v1/a"
    assert len(paused) == 2


def test_a_platform_that_does_not_come_back_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "CONNECT_LIMIT_S", 0)
    monkeypatch.setattr(inside.time, "sleep", lambda _: None)
    with pytest.raises(ConnectionError, match="The platform can't be reached from this container"):
        Inside(str(tmp_path / "none"), "ct-1", "main").call("GET", "/a")


def test_a_process_without_the_token_is_told_which_variable_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOMEPORT_IDENTITY_TOKEN", raising=False)
    with pytest.raises(AuthError, match="HOMEPORT_IDENTITY_TOKEN"):
        Inside.of_this_container()
    monkeypatch.setenv("HOMEPORT_IDENTITY_TOKEN", "ct-2")
    monkeypatch.setenv("MODAL_ENVIRONMENT", "dev")
    assert Inside.of_this_container().environment == "dev"
