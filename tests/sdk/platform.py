"""A platform of a few lines behind `httpx.MockTransport`: keeps blobs, publishes, and answers as it was told to."""

import hashlib
import json
from collections.abc import Iterator
from threading import Lock
from typing import Any

import httpx

from homeport.client.config import Target
from homeport.client.http import Client
from homeport.manifest import checks, codec, digest, frames, tree


class FakePlatform:
    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.deployments: list[dict[str, Any]] = []
        self.live = ""
        self.settled: dict[str, Any] = {"state": "live", "reason": "", "log_tail": [], "duration_ms": 412}
        self.before: list[tuple[str, dict[str, Any]]] = []
        self.redeployments: list[tuple[str, dict[str, Any]]] = []
        self.puts = 0
        self.batches = 0
        self.parts: dict[str, bytes] = {}
        self.broken: list[int] = []  # of the next continued uploads, how much arrives
        self.others_send = False
        self._lock = Lock()

    def client(self) -> Client:
        return Client(Target("http://127.0.0.1:7300", "ak-1", "as-1", "the test", "dev"), httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/v1/blobs/missing":
            return httpx.Response(
                200, json={"missing": [d for d in json.loads(request.content)["digests"] if d not in self.blobs]}
            )
        if path == "/v1/blobs/batch":
            self.batches += 1
            return [self._put(digest, content) for digest, content in frames.unpack(request.read())][-1]
        if path.startswith("/v1/blobs/"):
            return self._blob(path.rpartition("/")[2], request)
        if path == "/v1/deployments":
            return httpx.Response(
                200, content=self._deploy(json.loads(request.content), request.url.params["wait"] == "true")
            )
        if path in ("/v1/apps/ap-1/rollback", "/v1/apps/ap-1/rollover") and self.deployments:
            self.redeployments.append((path.rpartition("/")[2], json.loads(request.content)))
            return httpx.Response(200, content=self._redeploy())
        if path.startswith("/v1/servers/"):
            return self._server(path)
        return httpx.Response(404, json={"error": {"code": "not_found", "message": f"No route {path}."}})

    def _blob(self, digest: str, request: httpx.Request) -> httpx.Response:
        offset = request.url.params.get("offset")
        if request.method == "GET":
            return httpx.Response(200, json={"offset": len(self.parts.get(digest, b"")), "complete": digest in self.blobs})
        if offset is None:
            return self._put(digest, request.read())
        if self.others_send:
            return httpx.Response(409, json={"error": {"code": "conflict", "message": "Somebody else uploads it."}})
        before, content = self.parts.get(digest, b""), request.read()
        assert int(offset) == len(before)
        if self.broken:
            self.parts[digest] = before + content[: self.broken.pop(0)]
            raise httpx.WriteError("broken pipe")
        return self._put(digest, before + content)

    def _put(self, wanted: str, content: bytes) -> httpx.Response:
        with self._lock:
            self.puts += 1
            if hashlib.sha256(content).hexdigest() != wanted:
                return httpx.Response(400, json={"error": {"code": "invalid", "message": "The content has another digest."}})
            self.blobs[wanted] = content
        return httpx.Response(204)

    def _deploy(self, request: dict[str, Any], wait: bool) -> Iterator[bytes]:
        manifest = codec.from_json(request["manifest"])
        assert checks.problems(manifest) == []
        source = tree.loads(self.blobs[manifest.source]) if manifest.source else tree.Tree()
        assert all(file.digest in self.blobs for file in source.files)
        noop = digest.of(manifest) == self.live
        if not noop:
            self.deployments.append(request)
            self.live = digest.of(manifest)
        servers = [{"name": s.name, "object_id": "fu-1", "url": f"http://{s.name}.localhost"} for s in manifest.servers]
        published = {"app_id": "ap-1", "app_name": manifest.name, "version": len(self.deployments), "noop": noop}
        for name, data in self.before:
            yield _event(name, data)
        yield _event("published", {**published, "app_url": "http://127.0.0.1:7300/apps/ap-1", "servers": servers})
        if wait and not noop:
            moved = {"container_id": "ta-1", "server": "Server", "version": 1, "state": "ready", "reason": ""}
            yield _event("container", moved) + _event("settled", {"version": len(self.deployments), **self.settled})

    def _redeploy(self) -> Iterator[bytes]:
        version = len(self.deployments) + len(self.redeployments)
        published = {"app_id": "ap-1", "app_name": "hello", "version": version, "noop": False, "rollback_version": 1}
        yield _event("published", {**published, "app_url": "", "servers": []})
        yield _event("settled", {"version": version, **self.settled})

    def _server(self, path: str) -> httpx.Response:
        if path == "/v1/servers/fu-1" and self.deployments:
            return httpx.Response(200, json={"server_name": "Server", "app_id": "ap-1"})
        app, _, name = path.removeprefix("/v1/servers/").partition("/")
        if self.deployments and app in ("ap-1", "hello") and name == "Server":
            return httpx.Response(200, json={"server_name": name, "url": "http://Server.localhost", "port": 8000})
        return httpx.Response(404, json={"error": {"code": "not_found", "message": f"No Server {name!r} in App {app!r}."}})


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n:\n".encode()
