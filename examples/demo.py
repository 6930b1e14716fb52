"""What `make demo` shows: a platform of its own, a deploy, a second one under load with no lost request, and the end.

Uses the command line as anybody would, and the standard library for the load. Exits with 1 if one request failed.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

EXAMPLE = Path(__file__).with_name("hello_server.py")
HOMEPORT = Path(sys.executable).with_name("homeport")
KEEP_ALIVE_CLIENTS = 4
FRESH_CLIENTS = 2
LOAD_AROUND_DEPLOY_S = 1.0
REQUEST_TIMEOUT_S = 10
PAUSE_S = 0.002


class DemoError(Exception):
    """The demonstration can't go on; says why."""


@dataclass
class Load:
    """People who keep asking. Connects to the address itself, so that `*.localhost` needs no resolver."""

    url: str
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        kinds = [True] * KEEP_ALIVE_CLIENTS + [False] * FRESH_CLIENTS
        self._threads = [threading.Thread(target=self._client, args=(keep,), daemon=True) for keep in kinds]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(REQUEST_TIMEOUT_S * 2)

    def _client(self, keep_alive: bool) -> None:
        connection = connect(self.url)
        while not self._over.wait(PAUSE_S):
            try:
                status, text = get(connection, self.url)
                if status == 200:
                    self.answers[text] += 1
                else:
                    self.failures.append(f"{status} {text}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                connection.close()
            if not keep_alive:
                connection.close()
        connection.close()


def connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=REQUEST_TIMEOUT_S)


def get(connection: http.client.HTTPConnection, url: str) -> tuple[int, str]:
    connection.request("GET", "/", headers={"Host": urlsplit(url).netloc})
    response = connection.getresponse()
    return response.status, response.read().decode(errors="replace").strip()


def main() -> int:
    work = Path(tempfile.mkdtemp(prefix="homeport-demo-"))
    os.environ["HOMEPORT_DATA_DIR"] = str(work / "data")
    api_port, http_port = free_ports(2)
    try:
        heading("Start the platform on this machine (control plane, router, spawner)")
        homeport("up", "--api-port", str(api_port), "--http-port", str(http_port), "--detach")
        try:
            failed = show(work)
        finally:
            heading("Stop everything")
            homeport("down")
    except DemoError as error:
        print(f"\nThe demo stopped: {error}. What there is lies in {work}.", file=sys.stderr)
        return 1
    shutil.rmtree(work, ignore_errors=True)
    if not failed:
        print(GO_ON)
    return 1 if failed else 0


def show(work: Path) -> int:
    """The story itself; returns how many requests failed."""
    source = work / EXAMPLE.name
    shutil.copy(EXAMPLE, source)
    heading("Deploy a Server (the first time, its base image is made; that takes half a minute)")
    homeport("deploy", str(source))
    url = str(json.loads(ask("server", "info", "hello-server/Server", "--json"))["url"])
    heading(f"Call it: curl {url}")
    status, text = get(connect(url), url)
    print(f"{status}  {text}")
    if status != 200:
        raise DemoError(f"{url} answered {status}")

    heading(f"Change the greeting and deploy again, while {KEEP_ALIVE_CLIENTS + FRESH_CLIENTS} clients keep asking")
    source.write_text(source.read_text().replace("version one", "version two"))
    load = Load(url)
    load.begin()
    try:
        time.sleep(LOAD_AROUND_DEPLOY_S)
        homeport("deploy", str(source))
        time.sleep(LOAD_AROUND_DEPLOY_S)
    finally:
        load.end()
    report(load)
    if not any("version two" in text for text in load.answers):
        raise DemoError("the new version never answered")
    heading("What runs now")
    homeport("app", "list")
    homeport("container", "list")
    return len(load.failures)


def report(load: Load) -> None:
    print()
    for text, count in sorted(load.answers.items()):
        print(f"{count:>8}  {text}")
    print(f"{len(load.failures):>8}  failed")
    print(f"{load.answers.total() + len(load.failures):>8}  requests")
    for failure, count in Counter(load.failures).most_common(5):
        print(f"          {count} x {failure}")


def homeport(*arguments: str) -> None:
    """Run a command as a person would, showing it and what it says."""
    print(f"$ homeport {shlex.join(arguments)}", flush=True)
    code = subprocess.run([HOMEPORT, *arguments], check=False).returncode
    if code != 0:
        raise DemoError(f"`homeport {arguments[0]}` ended with exit code {code}")


def ask(*arguments: str) -> str:
    done = subprocess.run([HOMEPORT, *arguments], check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise DemoError(f"`homeport {shlex.join(arguments)}` ended with exit code {done.returncode}")
    return done.stdout


def free_ports(count: int) -> list[int]:
    """Ports that are free now; all are held until the last is chosen, so they differ."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def heading(text: str) -> None:
    print(f"\n== {text}", flush=True)


GO_ON = f"""
No request was lost. To go on by hand:

    export PATH="{HOMEPORT.parent}:$PATH"
    homeport up --detach
    homeport deploy examples/hello_server.py
    curl http://home--hello-server-server.us-east.localhost:8080/
    homeport app logs hello-server
    homeport down
"""

if __name__ == "__main__":
    sys.exit(main())
