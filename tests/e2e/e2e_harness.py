"""A whole platform for tests: the real command line on a data directory of its own, a real HTTP client, and a look at what
is left behind. Waits with deadlines only; ends nothing but what the test started.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from free_ports import free_ports
from homeport.client import config
from homeport.client.http import Client
from homeport.spawner.subnet import instance_tag

T = TypeVar("T")
HOMEPORT = Path(sys.executable).with_name("homeport")
# A test that passes never waits for these; a slow machine may need them.
WAIT_LIMIT_S = 120
COMMAND_LIMIT_S = 300
REQUEST_LIMIT_S = 60
HELD_LIMIT_S = 900  # a request that a test holds while it does other things
POLL_S = 0.02
# For a Server whose requests must not be cut, whatever a test does while they go on.
PATIENT = "exit_grace_period=600"


def wait_until(look: Callable[[], T], what: str, seconds: float = WAIT_LIMIT_S) -> T:
    """What `look` returns, once it is true. Fails the test at the deadline."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(POLL_S)
    return found


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Answer:
    status: int
    text: str


class Box:
    """One platform. `root` is a directory for it alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data_dir = (root / "data").absolute()
        self.api_port, self.http_port = free_ports(2)

    # the command line

    def run(self, *arguments: str, cwd: Path | None = None, **environment: str) -> Done:
        """What a person types, without a terminal."""
        with self.begin(*arguments, cwd=cwd, **environment) as process:
            try:
                out, err = process.communicate(timeout=COMMAND_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Done(process.returncode, out, err)

    def begin(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        """The same, not waiting for its end."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [HOMEPORT, *arguments],
            env={**self._environment(), **environment},
            cwd=cwd or self.root,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
        )

    def python(self, program: str) -> str:
        """What a user's own program printed, run beside the platform."""
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=self._environment(),
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ok(self, *arguments: str, cwd: Path | None = None) -> str:
        """What it printed on stdout; fails the test unless it succeeded."""
        done = self.run(*arguments, cwd=cwd)
        assert done.code == 0, f"homeport {' '.join(arguments)}: {done}"
        return done.out

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    # the platform

    def up(self) -> None:
        """In a new data directory: tests find the containers that they left, unless their Servers ask for less."""
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        if not any(self.data_dir.iterdir()):
            self.settle("")
        self.ok("up", "--detach", "--api-port", str(self.api_port), "--http-port", str(self.http_port))

    def settle(self, settings: str) -> None:
        """These lines, for the next start. Where they don't say otherwise, tests find the containers that they left."""
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        usual = "" if "scaledown_window_s" in settings else "scaledown_window_s = 3600\n"
        (self.data_dir / "settings.toml").write_text(usual + settings)

    def down(self) -> None:
        self.ok("down")

    def pids(self) -> dict[str, int]:
        """Of control plane, spawner, and HAProxy's supervisor, master, side-car and worker."""
        status = self.json("status")
        router = {name: status["router"][name] for name in ("supervisor", "master", "sidecar", "worker")}
        return {"control": status["control_plane"]["pid"], "spawner": status["spawner"]["pid"], **router}

    def kill_control_plane(self) -> None:
        kill(self.pids()["control"])

    # Apps

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def deploy(self, name: str, text: str, *options: str) -> str:
        """Its URL. The file is called after the App."""
        published = json.loads(self.ok("deploy", str(self.write(f"{name}.py", text)), "--json", *options))
        return str(published["servers"][0]["url"])

    def let_go(self, container_id: str) -> None:
        """Whatever waits in `held()` there goes on."""
        self.ok("container", "exec", container_id, "touch", "/tmp/go")

    def containers(self, app: str, *options: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json("container", "list", "--app", app, *options)
        return found

    def stop_all(self) -> None:
        """Every App in every environment: what runs takes room from the tests that come."""
        with Client(config.find(config.Choice(data_dir=self.data_dir), environ={}, home=self.root)) as client:
            for environment in (line["name"] for line in client.environments()):
                for app in client.apps(environment):
                    if app["state"] in ("initializing", "deployed"):
                        client.stop_app(app["app_id"], environment)

    def containers_or_none(self, app: str, state: str) -> dict[str, Any] | None:
        """The first of its containers in this state, also while the App is not there yet."""
        done = self.run("container", "list", "--app", app, "--json")
        return next((c for c in json.loads(done.out) if c["state"] == state), None) if done.code == 0 else None

    def container(self, app: str) -> dict[str, Any]:
        """The one of this App that is ready."""
        (found,) = [each for each in self.containers(app) if each["state"] == "ready"]
        return found

    def replaced(self, app: str, old: Mapping[str, Any]) -> dict[str, Any]:
        """Waits until another container has taken the place of `old`; how that one ended."""
        gone = old["container_id"]
        wait_until(
            lambda: [c for c in self.containers(app) if c["state"] == "ready" and c["container_id"] != gone], "another"
        )
        return wait_until(lambda: self.ending(app, gone), f"the end of {gone}")

    def ending(self, app: str, container_id: str) -> dict[str, Any] | None:
        everything = self.containers(app, "--all")
        return next((c for c in everything if c["container_id"] == container_id and c["state"] == "ended"), None)

    def inside(self, app: str, program: str) -> Done:
        """A Python program run in the App's container."""
        return self.run("container", "exec", self.container(app)["container_id"], "python3", "-c", program)

    def processes_of(self, container_id: str) -> dict[str, int]:
        """Its shim and its first process, as the spawner wrote them down."""
        state = json.loads((self.data_dir / "containers" / container_id / "state.json").read_text())
        return {"shim": state["shim_pid"], "init": state["init_pid"]}

    # requests

    def get(self, url: str, path: str = "/", timeout_s: float = REQUEST_LIMIT_S, **headers: str) -> Answer:
        """`headers` with `_` for `-`."""
        connection = connect(url, timeout_s)
        try:
            return ask(connection, url, path, {name.replace("_", "-"): value for name, value in headers.items()})
        finally:
            connection.close()

    def answers(self, url: str, text: str) -> None:
        """Waits until the URL answers with just this text, also while nothing listens there."""

        def answers() -> bool:
            try:
                return self.get(url) == Answer(200, text)
            except (OSError, http.client.HTTPException):
                return False

        wait_until(answers, f"{text!r} from {url}")

    def reaches(self, url: str, container_id: str) -> None:
        """Waits until the router gives this container requests: it learns of it after the container is ready."""
        wait_until(lambda: self.get(url, "/who").text == container_id, f"a request to reach {container_id}")

    @contextmanager
    def held(self, app: str, url: str, container: str = "") -> Iterator[HeldRequest]:
        """A request that is inside the App's container, or the one named, which keeps it until it is let go."""
        container = container or self.container(app)["container_id"]

        def inside() -> int:
            return self.ok("container", "logs", container).count("holding a request")

        held, before = HeldRequest(self, container), inside()
        asking = threading.Thread(target=held.ask, args=(url,), daemon=True)
        asking.start()
        try:
            wait_until(lambda: inside() > before, "the request to be inside")
            yield held
        finally:
            self.run("container", "exec", container, "touch", "/tmp/go")
            asking.join(REQUEST_LIMIT_S + 5)

    # what is left

    def leaves_nothing(self) -> None:
        """Fails the test if there is anything of a platform that is down.

        Only links may still be there: the kernel removes them by itself, some time after the namespaces that they led to.
        """
        assert [each for each in self.leftovers() if not each.startswith("link ")] == []
        wait_until(lambda: self.leftovers() == [], "the end of the links")

    def leftovers(self) -> list[str]:
        """Processes, links, tables, cgroups and mounts of this platform."""
        tag = instance_tag(os.path.realpath(self.data_dir))
        tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
        cgroups = [*Path("/sys/fs/cgroup").glob(f"homeport-{tag}"), *Path("/sys/fs/cgroup").glob(f"*/homeport-{tag}")]
        found = [f"process {pid}: {command}" for pid, command in processes_naming(str(self.data_dir)).items()]
        found += [f"link {path.name}" for path in Path("/sys/class/net").glob(f"*{tag}*")]
        found += [f"nft {line}" for line in tables.splitlines() if tag in line]
        found += [f"cgroup {path}" for path in cgroups]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        return found + [f"mount {line}" for line in mounts if str(self.data_dir) in line]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOMEPORT_", "MODAL_"))}
        return {**kept, "HOMEPORT_DATA_DIR": str(self.data_dir)}


@dataclass
class HeldRequest:
    """A request that goes on for as long as the test wants. `end` is its answer, or how it was cut off."""

    box: Box
    container_id: str
    end: Answer | str | None = None

    def ask(self, url: str) -> None:
        try:
            self.end = self.box.get(url, "/hold", timeout_s=HELD_LIMIT_S)
        except (OSError, http.client.HTTPException) as error:
            self.end = f"cut off: {type(error).__name__}"

    def let_go(self) -> Answer | str:
        """How it ended, after its container let go of it."""
        self.box.let_go(self.container_id)
        return wait_until(lambda: self.end, "the end of the held request")


@contextmanager
def running(root: Path) -> Iterator[Box]:
    """A platform that runs until the end of the context. Fails if it leaves anything behind."""
    started = Box(root)
    try:
        started.up()
        yield started
    finally:
        started.down()
    started.leaves_nothing()


def connect(url: str, timeout_s: float = REQUEST_LIMIT_S) -> http.client.HTTPConnection:
    """To the address itself, so that `*.localhost` needs no resolver."""
    return http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=timeout_s)


def ask(
    connection: http.client.HTTPConnection, url: str, path: str = "/", headers: Mapping[str, str] = MappingProxyType({})
) -> Answer:
    connection.request("GET", path, headers={"Host": urlsplit(url).netloc, **headers})
    response = connection.getresponse()
    return Answer(response.status, response.read().decode().strip())


def kill(pid: int) -> None:
    """kill -9, and wait until it is gone."""
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        wait_until(lambda: not lives(pid), f"the end of process {pid}")
    finally:
        os.close(handle)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_naming(text: str) -> dict[int, str]:
    """Those with this text in their command line, but for this one."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if text in command and int(path.parent.name) != os.getpid():
            found[int(path.parent.name)] = command
    return found
