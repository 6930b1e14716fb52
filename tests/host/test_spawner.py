"""The spawner and real containers: they start, are limited, end, and everybody learns how."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from spawner_harness import MAIN, SpawnerHarness, connects, wait_until

pytestmark = pytest.mark.host

SLEEP = "import time\nprint('up')\ntime.sleep(600)"
DEAF = """
import os, signal, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, lambda *_: print('child told'))
    print('up')
while True: time.sleep(600)
"""
ON_TERM = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\nprint('up')\ntime.sleep(600)"


def test_a_server_in_a_container_answers_the_host(spawner: SpawnerHarness, rootfs: str) -> None:
    address = spawner.start("web", rootfs, ["python3", "-m", "http.server", "8000"])
    wait_until(lambda: connects(address), "the port")
    with urllib.request.urlopen(f"http://{address}:8000/", timeout=60) as answer:
        assert answer.status == 200
    spawner.wait_for_line("web", '"GET / HTTP/1.1" 200')


def test_hello_says_that_containers_can_be_started(spawner: SpawnerHarness) -> None:
    hello = spawner.request(op="hello")
    assert (hello["backends"]["crun"], hello["backends"]["fork"]) == ("", "")
    assert "snapshot" in hello["backends"]
    assert len(hello["instance"]) == 6
    assert hello["pid"] == spawner.process.pid  # type: ignore[union-attr]  # the fixture started it


def test_starting_the_same_id_again_changes_nothing(spawner: SpawnerHarness, rootfs: str) -> None:
    address = spawner.python("twice", rootfs, SLEEP)
    again = spawner.request(op="start", spec=spawner.spec("twice", rootfs, ["false"]))
    assert again["existed"] is True
    assert again["address"] == address
    assert again["shim_pid"] == spawner.state("twice")["shim_pid"]


def test_the_exit_code_is_reported(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("seven", rootfs, "import sys; print('bye'); sys.exit(7)")
    ending = spawner.ending("seven")
    assert (ending["exit_code"], ending["signal"], ending["oom"], ending["error"]) == (7, None, False, "")
    assert spawner.log("seven") == [("o", "bye")]


def test_death_by_a_signal_is_reported_as_that(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.start("shot", rootfs, ["sh", "-c", "ulimit -c 0; exec python3 -c 'import ctypes; ctypes.string_at(0)'"])
    ending = spawner.ending("shot")
    assert (ending["exit_code"], ending["signal"], ending["oom"]) == (None, 11, False)


def test_a_program_that_does_not_exist_is_an_error_with_cruns_words(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.start("none", rootfs, ["/no/such/program"])
    ending = spawner.ending("none")
    assert ending["step"] == "run crun"
    assert "/no/such/program" in ending["error"]
    assert [stream for stream, _ in spawner.log("none")] == ["s"]


def test_a_missing_layer_is_an_error_that_names_it(spawner: SpawnerHarness) -> None:
    spawner.start("nolayer", "/no/such/layer", ["true"])
    ending = spawner.ending("nolayer")
    assert ending["step"] == "mount its image"
    assert "/no/such/layer" in ending["error"]


def test_using_more_memory_than_the_limit_is_reported_as_oom(spawner: SpawnerHarness, rootfs: str) -> None:
    program = "b = []\nwhile True: b.append(bytearray(1 << 20))"
    spawner.python("greedy", rootfs, program, memory_limit_mib=48)
    ending = spawner.ending("greedy")
    assert (ending["signal"], ending["oom"]) == (9, True)
    assert any(stream == "s" and "out of memory at its limit of 48 MiB" in text for stream, text in spawner.log("greedy"))


def test_a_child_that_runs_out_of_memory_is_noted_but_is_not_the_containers_end(
    spawner: SpawnerHarness, rootfs: str
) -> None:
    child = "b=[]\\nwhile True: b.append(bytearray(1<<20))"
    program = f"import subprocess, sys\nprint(subprocess.call([sys.executable, '-c', '{child}']))\nsys.exit(4)"
    spawner.python("parent", rootfs, program, memory_limit_mib=64)
    ending = spawner.ending("parent")
    assert (ending["exit_code"], ending["oom"]) == (4, False)
    assert ("o", "-9") in spawner.log("parent")
    assert any(stream == "s" and "out of memory" in text for stream, text in spawner.log("parent"))


def test_stop_lets_the_program_end_in_its_own_way(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("polite", rootfs, ON_TERM)
    spawner.wait_for_line("polite", "up")
    spawner.stop("polite", 60_000)
    assert spawner.ending("polite")["exit_code"] == 3


def test_a_stop_that_comes_before_the_program_handles_it_is_not_lost(
    spawner: SpawnerHarness, rootfs: str, tmp_path: Path
) -> None:
    """It ignores it at first: a first process that does neither is ended after a while."""
    program = (
        "import os, signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\n"
        "while not os.path.exists('/gate/open'): time.sleep(0.01)\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\ntime.sleep(600)"
    )
    spawner.python("early", rootfs, program, binds=[[str(tmp_path), "/gate", True]])
    spawner.wait_for_line("early", "up")
    spawner.stop("early", 60_000)
    (tmp_path / "open").touch()
    assert spawner.ending("early")["exit_code"] == 3


def test_a_first_process_that_passes_the_signal_on_is_the_only_one_told(spawner: SpawnerHarness, rootfs: str) -> None:
    child = "signal.signal(signal.SIGTERM, lambda *_: print('child told', flush=True))\nprint('child up')\ntime.sleep(600)"
    program = (
        "import os, signal, sys, time\nif os.fork() == 0:\n    "
        + child.replace("\n", "\n    ")
        + "\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\nprint('first up')\ntime.sleep(600)"
    )
    spawner.python("alone", rootfs, program)
    for line in ("first up", "child up"):
        spawner.wait_for_line("alone", line)
    spawner.stop("alone", 60_000)
    assert spawner.ending("alone")["exit_code"] == 3
    assert ("o", "child told") not in spawner.log("alone")


def test_stop_reaches_children_of_a_shell_that_forwards_nothing(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.start("shell", rootfs, ["sh", "-c", "python3 -c 'print(1, flush=True); import time; time.sleep(600)'; exit 5"])
    spawner.wait_for_line("shell", "1")
    spawner.stop("shell", 60_000)
    assert spawner.ending("shell")["exit_code"] == 5


def test_a_program_that_ignores_sigterm_is_killed_at_the_deadline(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("deaf", rootfs, DEAF)
    spawner.wait_for_line("deaf", "up")
    spawner.stop("deaf", 600_000)
    spawner.wait_for_line("deaf", "child told")
    spawner.stop("deaf", 50)
    ending = spawner.ending("deaf")
    assert (ending["signal"], ending["oom"]) == (9, False)
    assert any(stream == "s" and text.startswith("killed: it still ran") for stream, text in spawner.log("deaf"))


def test_a_first_process_without_a_handler_ends_as_it_would_anywhere_else(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.start("plain", rootfs, ["sleep", "600"])
    spawner.stop("plain", 600_000)
    assert spawner.ending("plain")["signal"] == 9
    assert ("s", "ended: its first process has no handler for SIGTERM") in spawner.log("plain")


def test_a_second_stop_can_only_hurry(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("hurry", rootfs, SLEEP)
    spawner.wait_for_line("hurry", "up")
    spawner.stop("hurry", 600_000)
    spawner.stop("hurry", 0)
    assert spawner.ending("hurry")["signal"] == 9


def test_exec_runs_with_the_containers_limits_and_reports_the_exit_code(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("host1", rootfs, SLEEP)
    spawner.wait_for_line("host1", "up")
    program = "import sys, socket; print(socket.gethostname(), sys.stdin.read()); print('x', file=sys.stderr); sys.exit(5)"
    assert spawner.exec("host1", ["python3", "-c", program], b"hi") == (5, b"host1 hi\n", b"x\n")
    _, status, _ = spawner.exec("host1", ["cat", "/proc/self/status"])
    assert b"NoNewPrivs:\t1" in status
    assert b"Seccomp:\t2" in status


def test_exec_of_something_that_is_not_there_is_127(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("host2", rootfs, SLEEP)
    spawner.wait_for_line("host2", "up")
    code, _, stderr = spawner.exec("host2", ["nosuchprogram"])
    assert code == 127
    assert b"nosuchprogram" in stderr


def test_usage_counts_memory_cpu_and_processes(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("busy", rootfs, "x = bytearray(40 << 20); print('up'); import time; time.sleep(600)")
    spawner.wait_for_line("busy", "up")
    usage = spawner.request(op="usage", id="busy")
    assert usage["memory_bytes"] > 40 << 20
    assert usage["cpu_ns"] > 0
    assert usage["pids"] == 1


def test_binds_are_shown_and_read_only_ones_cannot_be_written(spawner: SpawnerHarness, rootfs: str, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("hello")
    (tmp_path / "tree").mkdir()
    (tmp_path / "rw").mkdir()
    program = (
        "print(open('/root/app/one.txt').read())\n"
        "open('/data/new', 'w').write('made inside')\n"
        "try: open('/opt/tree/new', 'w')\n"
        "except OSError as error: print(error.errno)"
    )
    binds = [
        [str(tmp_path / "one.txt"), "/root/app/one.txt", True],
        [str(tmp_path / "tree"), "/opt/tree", True],
        [str(tmp_path / "rw"), "/data", False],
    ]
    spawner.python("bound", rootfs, program, binds=binds)
    assert spawner.ending("bound")["exit_code"] == 0
    assert [text for _, text in spawner.log("bound")] == ["hello", "30"]
    assert (tmp_path / "rw/new").read_text() == "made inside"


def test_what_a_container_writes_is_gone_with_it_and_the_image_is_untouched(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("writer", rootfs, "open('/written-by-test', 'w').write('x'); print(open('/etc/hostname2', 'w'))")
    spawner.ending("writer")
    assert not Path(rootfs, "written-by-test").exists()
    spawner.forget("writer")
    assert not Path(spawner.data_dir, "containers/writer").exists()


def test_forget_refuses_a_running_container_and_likes_an_unknown_one(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("alive", rootfs, SLEEP)
    reply = spawner.ask(op="forget", id="alive")
    assert not reply["ok"]
    assert "stop it first" in reply["error"]
    assert spawner.ask(op="forget", id="never-seen")["ok"]


@pytest.mark.parametrize("name", ["../x", "", "a/b", "-rf", None])
def test_an_id_that_could_leave_the_directory_is_refused(spawner: SpawnerHarness, rootfs: str, name: object) -> None:
    reply = spawner.ask(op="start", spec={**spawner.spec("x", rootfs, ["true"]), "id": name})
    assert not reply["ok"]
    assert "not a container id" in reply["error"]


def test_nonsense_is_answered_and_the_spawner_goes_on(spawner: SpawnerHarness) -> None:
    assert spawner.ask(op="dance")["error"] == "there is no op 'dance'"
    assert not spawner.ask(op="start", spec={"id": "x"})["ok"]
    assert not spawner.ask(op="exec", id="none", argv=["true"])["ok"]
    assert spawner.ask(op="hello")["ok"]


def test_a_second_spawner_on_the_same_data_directory_is_refused(spawner: SpawnerHarness) -> None:
    argv = [sys.executable, "-I", "-S", str(MAIN), "--data-dir", spawner.data_dir]
    second = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert f"pid {spawner.process.pid}" in second.stderr  # type: ignore[union-attr]  # the fixture started it
    assert len(second.stderr.splitlines()) == 1


def test_limits_are_in_force_inside(spawner: SpawnerHarness, rootfs: str) -> None:
    program = (
        "import json, resource\n"
        "files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]\n"
        "print(json.dumps([files, int(open('/proc/self/oom_score_adj').read())]))"
    )
    spawner.python("limited", rootfs, program)
    spawner.ending("limited")
    files, oom = json.loads(spawner.log("limited")[0][1])
    assert files <= 65_536
    assert oom == 500
