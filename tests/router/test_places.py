"""Files, processes and pauses: the small parts that boot and survival stand on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.errors import PlatformError
from homeport.router import files, loopback
from homeport.router.boot import Boot
from homeport.router.process import ProcessId
from homeport.router.settings import RouterSettings
from homeport.router.supervisor import PAUSE_MAX_S, Child, pause_s


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "a.map"
    assert files.write_if_changed(path, ""), "an empty file is a file"
    assert files.write_if_changed(path, "one\n")
    assert not files.write_if_changed(path, "one\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["a.map"]


def test_a_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(PlatformError, match="does not belong to this platform's user"):
        files.private_directory(tmp_path / "link")


@pytest.mark.parametrize("run_dir", ["/var/my data", "relative", "/a;b"])
def test_a_directory_that_could_not_stand_in_the_configuration_is_refused(run_dir: str) -> None:
    with pytest.raises(PlatformError, match="can't use"):
        Boot(RouterSettings(Path(run_dir))).prepare()


def test_loopback_ports_are_kept_and_settings_win(tmp_path: Path) -> None:
    settings = RouterSettings(tmp_path)
    first = loopback.load(settings)
    assert len({first.event, first.log, first.peer, first.sidecar}) == 4
    loopback.save(settings, first)
    with socket.create_server(("127.0.0.1", first.peer)):
        assert loopback.load(settings) == first, "in use by the data plane that runs"
    assert loopback.load(replace(settings, log_port=7)) == replace(first, log=7)


def test_a_process_is_known_by_pid_and_start() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        who = ProcessId.of(child.pid)
        assert who is not None
        assert who.alive
        assert not ProcessId(who.pid, who.start + 1).alive, "another process with the same pid"
        assert ProcessId(who.pid, who.start + 1).open() is None
        assert who.end(60, signal.SIGTERM)
        assert not who.alive, "a zombie is no process"
    finally:
        child.communicate()


def test_a_process_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    who = ProcessId(os.getpid(), 5)
    who.save(tmp_path / "a.json")
    assert ProcessId.load(tmp_path / "a.json") == who
    (tmp_path / "a.json").write_text("{")
    assert ProcessId.load(tmp_path / "a.json") is None
    assert ProcessId.load(tmp_path / "none.json") is None


def test_the_first_early_death_is_answered_at_once_and_then_pauses_grow_to_a_bound() -> None:
    pauses = [pause_s(failures) for failures in range(12)]
    assert pauses[:2] == [0.0, 0.0]
    assert pauses[2:] == sorted(pauses[2:])
    assert (pauses[2], pauses[-1]) == (0.1, PAUSE_MAX_S)


def test_a_child_that_ends_early_again_and_again_waits_longer(tmp_path: Path) -> None:
    log = os.open(os.devnull, os.O_WRONLY)
    child = Child(
        "haproxy", (sys.executable, "-c", "import os; os._exit(int(os.environ.get('HOMEPORT_RESTARTED', 7)))"), tmp_path
    )
    told = []
    for _ in range(3):
        child.start(log)
        assert child.who is not None
        os.waitid(os.P_PID, child.who.pid, os.WEXITED | os.WNOWAIT)
        told.append(child.ended())
    os.close(log)
    assert told == ["exit code 7", "exit code 1", "exit code 1"], "it is told that it was restarted"
    assert (child.failures, child.restarts, child.who) == (3, 3, None)
