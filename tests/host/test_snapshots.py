"""Memory snapshots: what a container of one has and has not from it, what keeps a process from being one, and that the death
of any process leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from spawner_harness import SpawnerHarness, connects, gone, wait_until

pytestmark = pytest.mark.host

HEAD = """
import homeport
app = homeport.App("x")
@app.server(unauthenticated=True, enable_memory_snapshot=True)
class Server:
"""
STATE = (
    """
import json, multiprocessing, os, random, secrets, sys, time, uuid
file = open("/etc/hosts")
"""
    + HEAD
    + """
    @homeport.enter(snap=True)
    def snap(self):
        file.seek(5)
        multiprocessing.current_process()
        os.environ["FROM_SNAP"], self.token, self.mine = "yes", secrets.token_hex(8), random.Random()
        uuid.uuid1()
        with open("/root/written", "w") as written: written.write(self.token)
    @homeport.enter()
    def begin(self):
        assert file.tell() == 5
        file.seek(random.randrange(100))
        same = [self.token, os.environ["FROM_SNAP"], open("/root/written").read()]
        own = [random.random(), uuid.uuid4().hex, os.urandom(4).hex(), multiprocessing.current_process().authkey.hex(),
               os.uname().nodename, os.environ["WHO"], open("/etc/hosts").read()]
        print(json.dumps([same, own, self.mine.random(), os.getpid()]), flush=True)
        open("/root/mine", "x").close()
"""
)
SERVER = (
    "import threading\nfrom http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer"
    + HEAD
    + """
    @homeport.enter(snap=True)
    def snap(self): self.ready = True
    @homeport.enter()
    def begin(self):
        threading.Thread(target=ThreadingHTTPServer(("", 8000), SimpleHTTPRequestHandler).serve_forever).start()
        print("up", flush=True)
    @homeport.exit()
    def leave(self): print("left", flush=True)
"""
)
WHAT_BREAKS = {
    "threads": (
        "import threading; threading.Thread(target=lambda: __import__('time').sleep(600)).start()",
        "it has 2 threads",
    ),
    "child": ("import subprocess; self.child = subprocess.Popen(['sleep', '600'])", "it has a process running ("),
    "socket": ("import socket; self.socket = socket.create_server(('', 9000))", "it has an open socket"),
    "connection": (
        "import socket; l = socket.create_server(('', 9000)); self.c = socket.create_connection(('127.0.0.1', 9000)); "
        "self.s = l.accept(); l.close()",
        "it has an open socket (to 127.0.0.1:9000)",
    ),
    "pipe": ("import os; self.pipe = os.pipe()", "it has an open pipe"),
    "writing": ("self.file = open('/root/out', 'w')", "it has /root/out open for writing"),
    "shared memory": ("import mmap; self.map = mmap.mmap(-1, 4096)", "it shares memory with others"),
    "timer": ("import signal; signal.setitimer(signal.ITIMER_REAL, 600)", "it has set a timer"),
    "tmp": ("open('/tmp/left', 'w').close()", "it left /tmp/left"),
    "user": ("import os; os.setresuid(1000, 1000, 0)", "it is not root any more"),
    "output": ("import os; os.dup2(os.open('/root/log', os.O_WRONLY | os.O_CREAT), 1)", "it has redirected its output"),
    "error": ("raise RuntimeError('no weights')", "it could not be made: RuntimeError: no weights"),
}


def said(spawner: SpawnerHarness, name: str) -> list[Any]:
    spawner.wait_for_line(name, "[")
    assert spawner.state(name)["backend"] == "snapshot", spawner.log(name)
    found: list[Any] = json.loads(next(text for stream, text in spawner.log(name) if stream == "o"))
    return found


def up(spawner: SpawnerHarness, name: str, rootfs: str) -> str:
    address = spawner.guest(name, rootfs, SERVER, "snapshot")
    wait_until(lambda: connects(address), "the port")
    assert spawner.state(name)["backend"] == "snapshot", spawner.log(name)
    return address


def test_containers_have_the_state_of_the_snapshot_and_all_else_for_themselves(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.freeze(rootfs, STATE, env={"WHO": "maker"})
    for name in ("one", "two"):
        spawner.guest(name, rootfs, STATE, "snapshot", env={"WHO": name})
    (same, own, generator, pid), (same_too, own_too, generator_too, pid_too) = said(spawner, "one"), said(spawner, "two")
    assert same == same_too
    assert same[1:] == ["yes", same[0]]
    assert [mine for mine, others in zip(own, own_too, strict=True) if mine == others] == []
    assert own[4:6] == ["one", "one"]
    assert generator == generator_too  # it was the user's code that made it, before
    assert pid == pid_too == 2
    assert ("s", "started from its memory snapshot") in spawner.log("one")


def test_the_first_container_starts_without_and_says_so(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.guest("first", rootfs, SERVER, "snapshot")
    spawner.wait_for_line("first", "up")
    assert spawner.state("first")["backend"] in ("crun", "fork")
    assert any(
        line == "s" and "started without memory snapshot: it is being made" in text for line, text in spawner.log("first")
    )


@pytest.mark.parametrize("what", WHAT_BREAKS)
def test_what_does_not_fork_is_named_and_the_container_starts_as_ever(
    spawner: SpawnerHarness, rootfs: str, what: str
) -> None:
    code, words = WHAT_BREAKS[what]
    program = f"{HEAD}    @homeport.enter(snap=True)\n    def snap(self):\n        {code}\n        print('up', flush=True)\n"
    spawner.warm(rootfs)
    spawner.guest("one", rootfs, program, "snapshot")

    def reason() -> str:
        spawner.guest("next", rootfs, program, "snapshot")
        spawner.state("next") if what != "error" else spawner.ending("next")
        lines = [text for stream, text in spawner.log("next") if stream == "s"]
        spawner.stop("next", 0)
        spawner.ending("next")
        spawner.forget("next")
        os.unlink(f"{spawner.data_dir}/logs/next.log")
        return "" if "being made" in lines[0] else lines[0]

    found = wait_until(reason, "the reason")
    assert found.startswith("started without memory snapshot: ")
    assert words in found
    assert spawner.snapshots() == []
    wait_until(lambda: not os.listdir(f"{spawner.data_dir}/run/snapshots"), "nothing to be left of it")


def test_a_version_that_is_over_ends_its_snapshot_with_the_last_container(spawner: SpawnerHarness, rootfs: str) -> None:
    snapshot = spawner.freeze(rootfs, SERVER)
    up(spawner, "it", rootfs)
    assert spawner.request(op="snapshots", drop=["another"])["names"] == ["version 1"]
    assert spawner.request(op="snapshots", drop=["version 1"])["names"] == []
    assert not gone(snapshot)
    spawner.stop("it", 60_000)
    assert spawner.ending("it")["exit_code"] == 0
    assert ("o", "left") in spawner.log("it")
    wait_until(lambda: gone(snapshot), "the snapshot's end")
    wait_until(lambda: not os.listdir(f"{spawner.data_dir}/run/snapshots"), "nothing to be left of it")


def test_a_spawner_that_dies_leaves_containers_and_no_snapshot_without_any(spawner: SpawnerHarness, rootfs: str) -> None:
    snapshot = spawner.freeze(rootfs, SERVER)
    address = up(spawner, "it", rootfs)
    spawner.kill()
    spawner.up()
    assert not gone(snapshot)
    assert connects(address)
    spawner.stop("it", 60_000)
    assert spawner.ending("it")["exit_code"] == 0
    wait_until(lambda: gone(snapshot), "the snapshot's end")


def test_all_killed_at_once_leaves_nothing(spawner: SpawnerHarness, rootfs: str) -> None:
    snapshot = spawner.freeze(rootfs, SERVER)
    up(spawner, "it", rootfs)
    state = spawner.state("it")
    (directory,) = Path(spawner.data_dir, "run/snapshots").iterdir()
    shim = json.loads((directory / "state.json").read_text())
    spawner.kill()
    for pid in (state["shim_pid"], shim["shim_pid"], snapshot):
        with contextlib.suppress(ProcessLookupError):  # it ended after the others
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gone(state["shim_pid"]) and gone(shim["shim_pid"]), "the shims' death")
    wait_until(lambda: gone(state["init_pid"]), "the end of the container, which is in the snapshot's namespace")
    spawner.up()
    assert spawner.ending("it")["error"] == ""
    assert not directory.exists()
    assert not any(os.path.exists(path) for path in (*state["cgroups"], *shim["cgroups"]))


def test_a_snapshot_that_hangs_is_replaced(spawner: SpawnerHarness, rootfs: str) -> None:
    snapshot = spawner.freeze(rootfs, SERVER)
    worker = int(Path(f"/proc/{snapshot}/task/{snapshot}/children").read_text().split()[0])
    os.kill(worker, signal.SIGSTOP)
    spawner.guest("it", rootfs, SERVER, "snapshot")
    spawner.wait_for_line("it", "up")
    assert spawner.state("it")["backend"] == "crun"
    said = ("s", "started by crun: its memory snapshot failed: it does not answer")
    wait_until(lambda: said in spawner.log("it"), "a word about it")
    wait_until(lambda: gone(snapshot), "its end")
    spawner.guest("next", rootfs, SERVER, "snapshot")
    wait_until(spawner.snapshots, "a new one")
    up(spawner, "last", rootfs)


def test_a_process_of_a_snapshot_may_do_no_more_than_any_other(spawner: SpawnerHarness, rootfs: str) -> None:
    tries = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def tried(flags): return libc.unshare(flags), ctypes.get_errno()
"""
    program = (
        tries
        + HEAD
        + """
    @homeport.enter(snap=True)
    def snap(self): self.seen = [tried(0x10000000), tried(0x20000), libc.mount(b"x", b"/tmp", b"tmpfs", 0, None)]
    @homeport.enter()
    def begin(self): print([self.seen, tried(0x7E020000)], flush=True)
"""
    )
    spawner.freeze(rootfs, program)
    spawner.guest("it", rootfs, program, "snapshot")
    spawner.wait_for_line("it", "[")
    assert ("o", "[[(-1, 1), (-1, 1), -1], (-1, 1)]") in spawner.log("it")
    pid = spawner.state("it")["init_pid"]
    read = ["nsenter", f"--user=/proc/{pid}/ns/user", "cat", "/proc/sys/user/max_user_namespaces"]
    assert subprocess.run(read, capture_output=True, check=True).stdout == b"0\n"  # whatever filter it has


def test_many_at_once_come_from_it(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.freeze(rootfs, SERVER)
    addresses = {f"many{number}": spawner.guest(f"many{number}", rootfs, SERVER, "snapshot") for number in range(10)}
    for address in addresses.values():
        wait_until(lambda address=address: connects(address), "the port")
    others = [name for name in addresses if spawner.state(name)["backend"] != "snapshot"]
    assert len(others) < 3, [spawner.log(name) for name in others]  # a busy machine may miss a deadline of the snapshot's
    assert all(any(stream == "s" for stream, _ in spawner.log(name)) for name in others), "it says why it started normally"
