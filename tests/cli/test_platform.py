"""`homeport up`, `down`, `doctor` (what the process becomes) and `status`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from homeport.cli import platform as verbs

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
DAEMON = [sys.executable, "-m", "homeport.daemon"]
STATUS = {
    "version": "0.1.0",
    "data_dir": "/var/lib/homeport",
    "workspace": "home",
    "domain": "localhost",
    "started_at": "2026-11-21T10:00:00Z",
    "control_plane": {"pid": 11, "url": "http://127.0.0.1:7300"},
    "router": {"pid": 12, "url": "http://localhost:8080", "http_port": 8080, "state": "running"},
    "spawner": {"pid": 13, "state": "running", "backends": ["crun"]},
    "apps": 1,
    "containers": 2,
}


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that this process would have become; as there, nothing comes after that."""
    seen: list[list[str]] = []

    def execv(_path: str, argv: list[str]) -> None:
        seen.append(argv)
        raise typer.Exit(0)

    monkeypatch.setattr(os, "execv", execv)
    return seen


def test_up_becomes_the_daemon_with_the_options_that_were_given(cli: Cli, became: list[list[str]]) -> None:
    cli("up")
    cli("up", "--data-dir", "/d", "--api-port", "7301", "--http-port", "8081")
    cli("--data-dir", "/e", "up")
    assert became == [
        [*DAEMON, "up"],
        [*DAEMON, "up", "--data-dir", "/d", "--api-port", "7301", "--http-port", "8081"],
        [*DAEMON, "up", "--data-dir", "/e"],
    ]


def test_up_detached_waits_for_the_daemon_and_takes_over_its_exit_code(
    cli: Cli, became: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[list[str]] = []

    def call(argv: list[str]) -> int:
        called.append(argv)
        return 3

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setenv("HOMEPORT_DATA_DIR", "/d")
    assert cli("up", "--detach").code == 3
    assert (called, became) == ([[*DAEMON, "up", "--data-dir", "/d", "--detach"]], [])


def test_down_and_doctor_become_the_daemon_too(cli: Cli, became: list[list[str]]) -> None:
    cli("down", "--data-dir", "/d")
    cli("doctor", "--json")
    assert became == [[*DAEMON, "down", "--data-dir", "/d"], [*DAEMON, "doctor", "--json"]]


@pytest.mark.parametrize("verb", ["up", "down", "doctor"])
def test_without_the_server_extra_one_is_told_what_to_install(
    cli: Cli, became: list[list[str]], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    result = cli(verb)
    assert (result.code, became) == (1, [])
    assert "make setup" in result.err


def test_a_port_has_to_be_one(cli: Cli, became: list[list[str]]) -> None:
    assert cli("up", "--api-port", "0").code == 2
    assert cli("up", "--http-port", "65536").code == 2
    assert became == []


def test_status_shows_pids_and_urls(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/status"] = STATUS
    assert cli("status", "--json").json == STATUS
    assert cli("status").out == (
        "Version:        0.1.0 · since 2026-11-21 10:00:00+00:00\n"
        "Workspace:      home · domain localhost\n"
        "Control plane:  http://127.0.0.1:7300 · pid 11\n"
        "Router:         http://localhost:8080 · pid 12 · running\n"
        "Spawner:        pid 13 · running · crun\n"
        "Data dir:       /var/lib/homeport\n"
        "Apps:           1\n"
        "Containers:     2\n"
    )


def test_status_of_a_platform_that_does_not_answer_tells_what_still_runs(cli: Cli, tmp_path: Path) -> None:
    run_dir, keys = tmp_path / "run", tmp_path / "keys"
    run_dir.mkdir()
    keys.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (run_dir / "platform.json").write_text(json.dumps({"api_url": "http://127.0.0.1:9", "pid": ended.pid}))
    (run_dir / "router.json").write_text(json.dumps({"pid": os.getpid()}))
    (run_dir / "spawner.json").write_text(json.dumps({"pid": os.getpid(), "start": 1}))
    (run_dir / "other.json").write_text("[not json")
    (keys / "admin-token.json").write_text(json.dumps({"token_id": "ak-x", "token_secret": "as-x"}))
    result = cli("status", "--data-dir", str(tmp_path))
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[0].startswith("Error: Could not reach the platform at http://127.0.0.1:9")
    assert result.err.splitlines()[1:] == [
        f"control plane: pid {ended.pid} has ended",
        f"router: pid {os.getpid()} is running",
        f"spawner: pid {os.getpid()} has ended",
    ]
    told = cli("status", "--data-dir", str(tmp_path), "--json")
    assert (told.code, told.json["ok"], len(told.json["processes"])) == (1, False, 3)


def test_status_without_a_platform_says_how_to_start_one(cli: Cli, tmp_path: Path) -> None:
    result = cli("status", "--data-dir", str(tmp_path))
    assert result.code == 1
    assert "homeport up" in result.err
    assert verbs.processes(tmp_path / "run") == []
