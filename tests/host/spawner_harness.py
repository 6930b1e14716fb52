"""A real spawner for tests: starts it, talks to it, waits with a deadline, and removes all it made."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from homeport.daemon import guestlib
from homeport.spawner import private, process, wire
from homeport.spawner.subnet import instance_tag

T = TypeVar("T")
MAIN = Path(wire.__file__).with_name("__main__.py")


WAIT_LIMIT_S = 60  # a test that passes never waits for it; a slow machine may need it


def wait_until(look: Callable[[], T], what: str, seconds: float = WAIT_LIMIT_S) -> T:
    """What `look` returns, once it is true. Fails the test at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.005)


class SpawnerHarness:
    def __init__(self, data_dir: str) -> None:
        self.data_dir = data_dir
        self.cdi_dir = f"{data_dir}.cdi"  # no device of the machine's, only those that a test describes
        self.process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    # the spawner itself

    def up(self) -> None:
        argv = [sys.executable, "-I", "-S", str(MAIN), "--data-dir", self.data_dir, "--cdi-dir", self.cdi_dir]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        wait_until(self._connect, "the spawner's socket")

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def clean(self) -> None:
        """Ends every container of this spawner, then the spawner, with all that belongs to the instance."""
        if self.process is None or self.process.poll() is not None:
            self.up()
        for name in os.listdir(f"{self.data_dir}/containers"):
            self.request(op="stop", id=name, kill_after_ms=0)
        for name in os.listdir(f"{self.data_dir}/containers"):
            self.ending(name)
            self.forget(name)
        wait_until(lambda: self.ask(op="shutdown")["ok"], "the shutdown")
        assert self.process is not None
        assert self.process.wait(WAIT_LIMIT_S) == 0

    # requests

    def ask(self, **message: Any) -> dict[str, Any]:
        """The reply, also when it is an error."""
        assert self._socket is not None
        self._socket.send(wire.encode(message))
        return wire.decode(self._socket.recv(wire.MESSAGE_BYTES_MAX))

    def request(self, **message: Any) -> dict[str, Any]:
        reply = self.ask(**message)
        assert reply["ok"], reply
        return reply

    def start(self, container_id: str, rootfs: str, argv: list[str], **more: Any) -> str:
        """Its address."""
        spec = self.spec(container_id, rootfs, argv, **more)
        return str(self.request(op="start", spec=spec)["address"])

    def start_with_secrets(self, spec: dict[str, Any], secrets: dict[str, str]) -> None:
        """As the control plane does: beside the spec, in a file that is only in memory."""
        fd = os.memfd_create("secrets")
        os.write(fd, json.dumps(secrets).encode())
        assert self._socket is not None
        socket.send_fds(self._socket, [wire.encode({"op": "start", "spec": spec})], [fd])
        os.close(fd)
        reply = wire.decode(self._socket.recv(wire.MESSAGE_BYTES_MAX))
        assert reply["ok"], reply

    @property
    def memory(self) -> Path:
        """Where this instance keeps what must be on no disk."""
        return Path(private.place(self.data_dir, instance_tag(os.path.realpath(self.data_dir))))

    def spec(self, container_id: str, rootfs: str, argv: list[str], **more: Any) -> dict[str, Any]:
        common = {
            "id": container_id,
            "layers": [rootfs],
            "argv": argv,
            "env": {"PYTHONUNBUFFERED": "1"},
            "cwd": "/root",
            "binds": [],
            "hostname": container_id,
            "log_path": f"{self.data_dir}/logs/{container_id}.log",
            "port": 8000,
            "cpu_milli": 125,
            "cpu_limit_milli": None,
            "memory_mib": 64,
            "memory_limit_mib": None,
            "stop_after_ms": 10_000,
            "backend": "crun",
        }
        return {**common, **more}

    def python(self, container_id: str, rootfs: str, program: str, **more: Any) -> str:
        return self.start(container_id, rootfs, ["/usr/bin/python3", "-c", program], **more)

    # containers of the guest, by either back end

    def guest(self, container_id: str, rootfs: str, program: str, backend: str, **more: Any) -> str:
        """Its address. `program` is a file app.py with a class `Server`; `backend` is "crun", "fork" or "snapshot"."""
        spec = self.guest_spec(container_id, rootfs, program, backend, **more)
        return str(self.request(op="start", spec=spec)["address"])

    def guest_spec(self, container_id: str, rootfs: str, program: str, backend: str, **more: Any) -> dict[str, Any]:
        lib = guestlib.ensure(Path(self.data_dir))
        source = Path(self.data_dir, f"{container_id}.py")
        source.write_text(program)
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOMEPORT_GUEST_MODULE": "app", "HOMEPORT_GUEST_PATH": "app.py"}
        chosen = {
            "env": {**env, "HOMEPORT_GUEST_CLASS": "Server", **more.pop("env", {})},
            "binds": [[str(lib), "/opt/homeport/lib", True], [str(source), "/root/app.py", True]],
            "backend": "crun" if backend == "crun" else "auto",
            "snapshot": "version 1" if backend == "snapshot" else "",
            "base_layers": 1,
        }
        argv = ["python3", "-I", "-S", "/opt/homeport/lib/homeport/guest/main.py"]
        return self.spec(container_id, rootfs, argv, **{**chosen, **more})

    def warm(self, rootfs: str) -> int:
        """The pid of a template that is ready, made for a first container that is forgotten again."""
        self.guest("first", rootfs, "class Server: ...", "fork")
        found = wait_until(self.templates, "a template")
        self.stop("first", 0)
        self.ending("first")
        self.forget("first")
        return int(found[0]["pid"])

    def freeze(self, rootfs: str, program: str, **more: Any) -> int:
        """The pid of a memory snapshot of `program` that is ready, made for a first container that is forgotten again."""
        if problem := self.request(op="hello")["backends"]["snapshot"]:
            pytest.skip(f"no memory snapshots here: {problem}")
        self.warm(rootfs)
        self.guest("maker", rootfs, program, "snapshot", **more)
        found = wait_until(self.snapshots, "a memory snapshot")
        self.stop("maker", 0)
        self.ending("maker")
        self.forget("maker")
        return int(found[0]["pid"])

    def snapshots(self) -> list[dict[str, Any]]:
        """Those that are ready."""
        return [each for each in self.request(op="hello")["snapshots"] if each["ready"]]

    def templates(self) -> list[dict[str, Any]]:
        """Those that are ready."""
        return [each for each in self.request(op="hello")["templates"] if each["ready"]]

    def stop(self, container_id: str, kill_after_ms: int) -> None:
        self.request(op="stop", id=container_id, kill_after_ms=kill_after_ms)

    def forget(self, container_id: str) -> None:
        """Also where the machine is so slow that its remains are still being removed."""

        def forgotten() -> bool:
            reply = self.ask(op="forget", id=container_id)
            assert reply["ok"] or "try again" in reply["error"], reply
            return bool(reply["ok"])

        wait_until(forgotten, f"{container_id} to be forgotten")

    def exec(self, container_id: str, argv: list[str], stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """(exit code, stdout, stderr)."""
        pipes = [os.pipe() for _ in range(4)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1]]
        message = {"op": "exec", "id": container_id, "argv": argv, "env": {}, "cwd": ""}
        assert self._socket is not None
        socket.send_fds(self._socket, [wire.encode(message)], theirs)
        reply = wire.decode(self._socket.recv(wire.MESSAGE_BYTES_MAX))
        for fd in theirs:
            os.close(fd)
        assert reply["ok"], reply
        with open(pipes[0][1], "wb") as file:
            file.write(stdin)
        out, err, code = (_read_to_end(pipe[0]) for pipe in pipes[1:])
        return int(json.loads(code)["exit_code"]), out, err

    # what is in the container's directory

    def read(self, container_id: str, name: str) -> dict[str, Any] | None:
        return wire.read_json(f"{self.data_dir}/containers/{container_id}/{name}")

    def state(self, container_id: str) -> dict[str, Any]:
        """Once its first process runs."""

        def running() -> dict[str, Any] | None:
            state = self.read(container_id, "state.json")
            return state if state and state["init_pid"] else None

        return wait_until(running, f"{container_id} to run") or {}

    def ending(self, container_id: str) -> dict[str, Any]:
        """Once it ended."""
        return wait_until(lambda: self.read(container_id, "exit.json"), f"the end of {container_id}") or {}

    def log(self, container_id: str) -> list[tuple[str, str]]:
        """(stream, text) of each line so far."""
        path = Path(self.data_dir, "logs", f"{container_id}.log")
        lines = path.read_text(errors="replace").split("\n")[:-1] if path.exists() else []  # the last may not be whole yet
        return [(stream, text) for _, stream, text in (line.split(" ", 2) for line in lines)]

    def wait_for_line(self, container_id: str, text: str) -> None:
        wait_until(lambda: any(text in line for _, line in self.log(container_id)), f"{text!r} in the log")

    def kill_shim(self, container_id: str) -> int:
        """kill -9. Its pid, once it is gone and its lock with it."""
        pid = int(self.state(container_id)["shim_pid"])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: gone(pid), f"the death of the shim of {container_id}")
        return pid

    def _connect(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the spawner ended at once"
        try:
            self._socket = wire.connect(f"{self.data_dir}/run/spawner.sock")
        except OSError:
            return False
        return True


def _read_to_end(fd: int) -> bytes:
    with open(fd, "rb") as file:
        return file.read()


def gone(pid: int) -> bool:
    """Whether it ended; it may be a zombie."""
    found = process.stat(pid)
    return found is None or found.state in "ZX"


def connects(address: str, port: int = 8000) -> bool:
    try:
        socket.create_connection((address, port), WAIT_LIMIT_S).close()
    except OSError:
        return False
    return True
