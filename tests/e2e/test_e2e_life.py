"""The life of a container: how it ends, what is known of its end, and what takes its place."""

from __future__ import annotations

from e2e_harness import Answer, Box, kill, wait_until
from e2e_sources import server

DIES = """
class Dies(Handler):
    def do_GET(self):
        if self.path == "/die":
            os.kill(CHILD.pid, 9)
        super().do_GET()
"""


def test_a_stop_runs_the_exit_methods(box: Box) -> None:
    box.deploy("exits", server("exits"))
    container = box.container("exits")
    box.ok("container", "stop", container["container_id"], "--yes")
    assert "the exit method ran" in box.ok("container", "logs", container["container_id"]).splitlines()
    ended = box.replaced("exits", container)
    assert (ended["exit_code"], ended["reason"]) == (0, "stopped by a person")


def test_a_server_program_that_dies_in_a_live_container_is_replaced(box: Box) -> None:
    child = 'self.child = subprocess.Popen(["python3", "-c", "import time; from http.server import test; test(port=8000)"])'
    url = box.deploy("dies-inside", server("dies-inside", enter=child, options="min_containers=1"))
    old = box.container("dies-inside")
    done = box.inside(
        "dies-inside",
        "import os, signal\n"
        "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    words = open(f'/proc/{pid}/cmdline').read()\n"
        "    if 'port=8000' in words and 'listdir' not in words: os.kill(int(pid), signal.SIGKILL)",
    )
    assert done.code == 0, done
    ended = box.replaced("dies-inside", old)
    assert ended["reason"]
    wait_until(lambda: box.get(url).status == 200, "an answer")


def test_a_container_that_exits_is_replaced_and_its_exit_code_is_known(box: Box) -> None:
    url = box.deploy("leaves", server("leaves"))
    old = box.container("leaves")
    # The worker is a child of PID 1; what it is killed with is what the container ends with.
    done = box.inside("leaves", "import os, signal; os.kill(1, signal.SIGTERM)")
    assert done.code in (0, 137, 143), done
    ended = box.replaced("leaves", old)
    assert ended["exit_code"] is not None
    assert ended["reason"]
    box.answers(url, "one")


def test_a_container_killed_by_force_is_replaced_and_its_signal_is_known(box: Box) -> None:
    url = box.deploy("killed", server("killed"))
    old = box.container("killed")
    kill(box.processes_of(old["container_id"])["init"])
    ended = box.replaced("killed", old)
    assert ended["exit_code"] == 137
    assert "SIGKILL" in ended["reason"] or "signal 9" in ended["reason"], ended
    box.answers(url, "one")


def test_a_container_out_of_memory_is_reported_as_such(box: Box) -> None:
    url = box.deploy("hungry", server("hungry", options="memory=(64, 128)"))
    old = box.container("hungry")
    box.inside("hungry", "x = [bytearray(1 << 20) for _ in range(1000)]")
    if box.get(url) == Answer(200, "one") and box.container("hungry") == old:  # only the greedy program was killed
        return
    ended = box.replaced("hungry", old)
    assert "memory" in ended["reason"], ended


def test_a_server_that_takes_too_much_memory_while_it_starts_fails_the_deploy_with_that_reason(box: Box) -> None:
    greedy = "self.x = [bytearray(1 << 20) for _ in range(1000)]"
    path = box.write("greedy.py", server("greedy", enter=greedy, options="memory=(64, 128)"))
    done = box.run("deploy", str(path))
    assert done.code == 1
    assert "memory" in done.err.splitlines()[-1], done.err
    reasons = [c["reason"] for c in box.containers("greedy", "--all")]
    assert reasons
    assert any("memory" in reason for reason in reasons), reasons
