"""The life of a container: how it ends, what is known of its end, and what takes its place."""

from __future__ import annotations

from e2e_harness import Box, kill, wait_until
from e2e_sources import documents_example, server

KILL_HTTP_SERVER = """
import os, signal
for pid in filter(str.isdigit, os.listdir("/proc")):
    if b"http.server" in open(f"/proc/{pid}/cmdline", "rb").read() and int(pid) != os.getpid():
        os.kill(int(pid), signal.SIGKILL)
print("killed")
"""


def test_a_stop_runs_the_exit_methods(box: Box) -> None:
    box.deploy("exits", server("exits"))
    container = box.container("exits")
    box.ok("container", "stop", container["container_id"], "--yes")
    assert "the exit method ran" in box.ok("container", "logs", container["container_id"]).splitlines()
    ended = box.replaced("exits", container)
    assert (ended["exit_code"], ended["reason"]) == (0, "stopped by a person")


def test_a_server_program_that_dies_in_a_live_container_is_replaced(box: Box) -> None:
    url = box.deploy("dies-inside", documents_example("dies-inside", "import modal"))
    old = box.container("dies-inside")
    done = box.inside("dies-inside", KILL_HTTP_SERVER)
    assert (done.code, done.out) == (0, "killed\n"), done
    wait_until(lambda: box.get(url).status == 503, "the dead server to be out of routing")
    ended = box.replaced("dies-inside", old)
    assert "port" in ended["reason"], ended
    assert box.get(url).status == 200


def test_a_container_killed_by_force_is_replaced_and_its_signal_is_known(box: Box) -> None:
    url = box.deploy("killed", server("killed"))
    old = box.container("killed")
    kill(box.processes_of(old["container_id"])["init"])
    ended = box.replaced("killed", old)
    assert (ended["exit_code"], ended["reason"]) == (137, "ended with exit code 137: killed by SIGKILL")
    box.answers(url, "one")


def test_a_server_that_exits_by_itself_is_replaced_and_its_exit_code_is_known(box: Box) -> None:
    url = box.deploy("leaves", server("leaves"))
    old = box.container("leaves")
    assert box.get(url, "/leave").status == 502
    ended = box.replaced("leaves", old)
    assert (ended["exit_code"], ended["reason"]) == (3, "ended with exit code 3")
    box.answers(url, "one")


def test_a_server_that_runs_out_of_memory_is_replaced_and_reported_as_such(box: Box) -> None:
    url = box.deploy("hungry", server("hungry", options="memory=(64, 128)"))
    old = box.container("hungry")
    assert box.get(url, "/eat").status == 502
    ended = box.replaced("hungry", old)
    assert (ended["exit_code"], "out of memory" in ended["reason"]) == (137, True), ended
    words = "out of memory at its limit of 128 MiB"
    wait_until(lambda: words in box.ok("app", "logs", "hungry", "--source", "system"), "a word about it in the log")


def test_a_server_that_takes_too_much_memory_while_it_starts_fails_the_deploy_with_that_reason(box: Box) -> None:
    greedy = "self.x = [bytearray(1 << 20) for _ in range(1000)]"
    path = box.write("greedy.py", server("greedy", enter=greedy, options="memory=(64, 128)"))
    done = box.run("deploy", str(path))
    assert done.code == 1
    assert "ran out of memory" in done.err.splitlines()[-1], done.err
    assert {c["reason"].partition(" and ")[0] for c in box.containers("greedy", "--all")} == {"ran out of memory"}
