"""A platform that answers from a table, on loopback, and the command line run against it."""

from __future__ import annotations

import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from homeport.cli.main import run

Events = list[tuple[str, dict[str, Any]]]


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    token: str


@dataclass
class FakePlatform:
    """`answers`: by 'METHOD /path', JSON, a list of events (a stream), (status, code, message), or a queue of these."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, request: Asked) -> Any:
        self.asked.append(request)
        found = self.answers.get(f"{request.method} {request.path}")
        if isinstance(found, Queue):
            return found.answers.pop(0)
        return (404, "not_found", f"No route {request.path}") if found is None else found

    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.asked]


@dataclass
class Queue:
    answers: list[Any]


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes of files are not remembered from one test to the next."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlatform]:
    fake = FakePlatform()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("HOMEPORT_SERVER_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HOMEPORT_TOKEN_ID", "ak-test")
    monkeypatch.setenv("HOMEPORT_TOKEN_SECRET", "as-test")
    yield fake
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[None]:
    for name in ("SERVER_URL", "TOKEN_ID", "TOKEN_SECRET", "PROFILE", "DATA_DIR", "ENVIRONMENT", "TRACEBACK"):
        monkeypatch.delenv(f"HOMEPORT_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs one command line as the program does: `cli("app", "list")`."""

    def call(*argv: str, stdin: bytes = b"") -> Result:
        capfdbinary.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run(argv)
        sys.stdout.flush()
        sys.stderr.flush()
        captured = capfdbinary.readouterr()
        return Result(code, captured.out.decode(), captured.err.decode())

    return call


def _handler(fake: FakePlatform) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = self.headers.get("Content-Type") == "application/json"
            body = json.loads(content) if is_json and content else content
            token = self.headers.get("Authorization", "")
            answer = fake.answer(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), body, token))
            if isinstance(answer, list):
                stream = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in answer)
                self._send(200, stream.encode(), "text/event-stream")
            elif isinstance(answer, tuple):
                status, code, message = answer
                self._send(status, json.dumps({"error": {"code": code, "message": message}}).encode())
            else:
                self._send(200, json.dumps(answer).encode())

        def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, *_args: object) -> None:
            return

    return Handler
