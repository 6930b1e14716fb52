"""`enable_memory_snapshot`: later containers have the state of the methods with snap=True, and start without their time."""

from __future__ import annotations

import json

import pytest
from e2e_harness import Box, wait_until

SERVER = """
import json, random, secrets, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import homeport

app = homeport.App("frozen")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(Server.said).encode())

    def log_message(self, *_):
        pass


@app.server(unauthenticated=True, enable_memory_snapshot=True, cpu=0.1, memory=64)
class Server:
    @homeport.enter(snap=True)
    def load(self):
        time.sleep(1)
        self.before = secrets.token_hex()

    @homeport.enter()
    def start(self):
        Server.said = [self.before, random.random(), __import__("os").environ["MODAL_TASK_ID"], {version}]
        threading.Thread(target=ThreadingHTTPServer(("", 8000), Handler).serve_forever, daemon=True).start()
"""
SNAPSHOT_LIMIT_S = 300  # each look at it takes another container
SAID = "started from its memory snapshot"


def from_snapshot(box: Box) -> dict[str, str] | None:
    """The container that has just taken the place of the one before, if it came from a snapshot."""
    old = box.container("frozen")
    box.ok("container", "stop", old["container_id"], "--yes")
    box.replaced("frozen", old)
    new = box.container("frozen")
    log = (box.data_dir / "logs" / new["app_id"] / f"{new['container_id']}.log").read_text()
    if "it is not possible here" in log or "user namespace" in log:
        pytest.skip(log)
    return new if SAID in log else None


def test_a_container_after_the_first_has_the_state_from_before_and_its_own(box: Box) -> None:
    url = box.deploy("frozen", SERVER.replace("{version}", "1"))
    first, *_ = json.loads(box.get(url).text)
    one = wait_until(lambda: from_snapshot(box), "a container from the snapshot", SNAPSHOT_LIMIT_S)
    said = json.loads(box.get(url).text)
    two = wait_until(lambda: from_snapshot(box), "another", SNAPSHOT_LIMIT_S)
    said_then = json.loads(box.get(url).text)
    assert said[0] == said_then[0] != first
    assert said[1] != said_then[1]
    assert (said[2], said_then[2]) == (one["container_id"], two["container_id"])

    wait_until(lambda: len(list((box.data_dir / "run/snapshots").iterdir())) == 1, "one snapshot")
    url = box.deploy("frozen", SERVER.replace("{version}", "2"))
    assert json.loads(box.get(url).text)[3] == 2
    wait_until(lambda: from_snapshot(box), "a container from the new version's snapshot", SNAPSHOT_LIMIT_S)
    assert json.loads(box.get(url).text)[3] == 2
    wait_until(lambda: len(list((box.data_dir / "run/snapshots").iterdir())) == 1, "the old snapshot's end")
