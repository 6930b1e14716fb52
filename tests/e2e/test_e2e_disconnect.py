"""A client that goes away, at every step of a deploy: what it had published goes on, and of the rest nothing is left."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from e2e_harness import REQUEST_LIMIT_S, Answer, Box, wait_until
from e2e_sources import server

from homeport.client import blobs
from homeport.client.config import Choice, find
from homeport.client.http import Client
from homeport.manifest import codec, frames
from homeport.manifest.schema import AppManifest, Entry, Resources, ServerSpec
from homeport.manifest.tree import File, Tree

RESET, CLOSE = "reset", "close"


@dataclass
class Deploy:
    """One deploy by hand, step by step, over sockets of its own."""

    box: Box
    name: str
    text: str = "one"

    @property
    def content(self) -> bytes:
        return server(self.name, self.text).encode()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def tree(self) -> Tree:
        return Tree((File(f"{self.name}.py", self.digest, len(self.content)),))

    def client(self) -> Client:
        return Client(find(Choice(data_dir=self.box.data_dir)))

    def upload(self) -> None:
        with self.client() as client:
            blobs.put(client, self.digest, iter([self.content]), len(self.content), None)
            blobs.put_all(client, frames.pack([(self.tree.digest, self.tree.content)]))

    def is_missing(self) -> bool:
        with self.client() as client:
            return blobs.missing(client, [self.digest]) == [self.digest]

    def body(self, request_id: str) -> bytes:
        path = f"{self.name}.py"
        spec = ServerSpec(
            "Server", Entry(self.name, "Server", path), resources=Resources(cpu_milli=50), unauthenticated=True
        )  # fmt: skip
        manifest = AppManifest(self.name, (spec,), self.tree.digest)
        return json.dumps({"manifest": codec.to_json(manifest), "request_id": request_id}).encode()

    def send(self, line: str, body: bytes, *, part: float = 1.0) -> socket.socket:
        """The head of a request, and that part of its body."""
        with self.client() as client:
            target = client.target
        head = (
            f"{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {target.token_id}.{target.token_secret}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection = socket.create_connection(("127.0.0.1", urlsplit(target.server_url).port or 0), timeout=REQUEST_LIMIT_S)
        connection.sendall(head.encode() + body[: int(len(body) * part)])
        return connection

    def versions(self) -> list[tuple[int, str]]:
        done = self.box.run("app", "history", self.name, "--json")
        if done.code:
            assert f"No App with name '{self.name}'" in done.err
            return []
        entries: list[dict[str, Any]] = json.loads(done.out)
        return [(entry["version"], entry["outcome"]) for entry in entries]


def leave(connection: socket.socket, how: str) -> None:
    if how == RESET:  # as when the machine or the process dies
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def is_read(connection: socket.socket) -> None:
    """Waits until the platform has read all that was sent: a reset throws away what it has not."""

    def left() -> list[str]:
        """Bytes in the receive buffer of the other end, in hex, as the kernel tells: one number, unless it is gone."""
        (_, mine), (_, its) = connection.getsockname(), connection.getpeername()
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ends = (f":{its:04X}", f":{mine:04X}")
        return [line[4].partition(":")[2] for line in lines if (line[1][-5:], line[2][-5:]) == ends]

    wait_until(lambda: left() == ["00000000"], "all to be read")


def arriving(box: Box) -> list[Path]:
    """Uploads that are not whole."""
    return [path for path in (box.data_dir / "blobs").rglob("tmp*") if path.is_file()]


@pytest.mark.parametrize("how", [RESET, CLOSE])
def test_in_the_middle_of_an_upload_nothing_of_it_is_kept(box: Box, how: str) -> None:
    deploy = Deploy(box, f"upload-{how}")
    connection = deploy.send(f"PUT /v1/blobs/{deploy.digest}", deploy.content, part=0.5)
    wait_until(lambda: arriving(box), "the upload to begin")
    leave(connection, how)
    wait_until(lambda: not arriving(box), "the half upload to be gone")
    assert deploy.is_missing()
    deploy.upload()
    assert not deploy.is_missing()


def test_between_the_uploads_and_the_publishing_there_is_no_app(box: Box) -> None:
    deploy = Deploy(box, "between")
    deploy.upload()
    assert deploy.versions() == []


@pytest.mark.parametrize("how", [RESET, CLOSE])
def test_in_the_middle_of_the_manifest_there_is_no_app(box: Box, how: str) -> None:
    deploy = Deploy(box, f"half-{how}")
    deploy.upload()
    leave(deploy.send("POST /v1/deployments?wait=true", deploy.body("r1"), part=0.7), how)
    assert deploy.versions() == []
    assert box.run("status").code == 0


def test_a_deployment_outlives_the_killed_command_that_made_it(box: Box) -> None:
    """Check 11.19: as when the laptop is closed. The command and all that it started are gone, and everything answers."""
    path = box.write("outlives.py", server("outlives"))
    with box.begin("deploy", str(path), "--stream-logs") as deploying:
        wait_until(lambda: box.run("app", "info", "outlives").code == 0, "the App to be there")
        deploying.kill()
    wait_until(lambda: box.json("app", "history", "outlives")[0]["outcome"] == "live", "the version to be live")
    (found,) = [app for app in box.json("app", "list") if app["description"] == "outlives"]
    assert (found["state"], found["tasks"]) == ("deployed", "1")
    assert box.get(box.json("server", "info", "outlives/Server")["url"]) == Answer(200, "one")


@pytest.mark.parametrize("how", [RESET, CLOSE])
@pytest.mark.parametrize("told", [0, 1], ids=["before an answer", "after the first event"])
def test_after_posting_the_deploy_goes_on_without_its_client(box: Box, how: str, told: int) -> None:
    deploy = Deploy(box, f"posted-{how}-{told}")
    deploy.upload()
    connection = deploy.send("POST /v1/deployments?wait=true", deploy.body("r1"))
    is_read(connection)
    if told:
        assert b"200 OK" in connection.recv(100)
    leave(connection, how)
    wait_until(lambda: deploy.versions() == [(1, "live")], "the version to be live")
    info = box.json("app", "info", deploy.name)
    assert box.get(info["servers"]["Server"]["url"]) == Answer(200, "one")


def test_who_asks_again_with_the_same_id_makes_no_second_version(box: Box) -> None:
    deploy = Deploy(box, "again")
    deploy.upload()
    for _ in range(3):
        connection = deploy.send("POST /v1/deployments", deploy.body("the-same"))
        is_read(connection)
        leave(connection, RESET)
    wait_until(lambda: deploy.versions() == [(1, "live")], "the version to be live")


def test_a_manifest_whose_content_was_never_uploaded_is_refused_and_changes_nothing(box: Box) -> None:
    deploy = Deploy(box, "not-uploaded")
    with deploy.send("POST /v1/deployments", deploy.body("r1")) as connection:
        answer = ""
        while "deploy again." not in answer:
            more = connection.recv(4096).decode()
            assert more, answer
            answer += more
    assert "published" not in answer
    assert f"The list of files {deploy.tree.digest} was not uploaded; deploy again." in answer
    assert deploy.versions() == []
