"""What HAProxy, its supervisor and the control plane survive when one of them is killed, and who is refused."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx
import pytest
from router_bench import DEADLINE_S, HAProxyBench, free_port, played, until

from homeport.errors import PlatformError
from homeport.router import loopback, parse
from homeport.router.admin import DataPlaneError, Session
from homeport.router.haproxy import HAProxyRouter
from homeport.router.process import ProcessId
from homeport.router.settings import RouterSettings

pytestmark = pytest.mark.host
Scenario = Callable[[HAProxyBench], Awaitable[None]]


def play(scenario: Scenario) -> None:
    played(HAProxyBench, scenario, "ta-1", "ta-2")


async def answers(bench: HAProxyBench, text: str) -> None:
    """Wait until requests are answered by this container again."""

    async def answered() -> bool:
        try:
            return (await bench.get()).text == text
        except httpx.TransportError:
            return False

    await until(answered, f"an answer by {text}")


@pytest.mark.parametrize("victim", ["worker", "master"])
def test_killed_haproxy_is_back_by_itself_with_what_was_applied_last(victim: str) -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        await answers(bench, "ta-1")
        before = await bench.pid("worker")
        await bench.serve("ta-2")
        await bench.real.close()  # no control plane: supervisor and files alone
        os.kill(await bench.pid(victim), signal.SIGKILL)
        await bench.up(but=before)  # a worker whose master was killed may answer once more
        await answers(bench, "ta-2")

    play(scenario)


def test_sessions_stay_with_their_containers_over_a_crash() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1", "ta-2")
        keys = [str(number) for number in range(30)]
        await until(lambda: _written(bench, "ta-2"), "the files are current")
        homes = {key: (await bench.get(modal_session_id=key)).text for key in keys}
        await until(lambda: _copied(bench), "the side-car has been told of all sessions")
        before = await bench.pid("worker")
        os.kill(before, signal.SIGKILL)
        await bench.up(but=before)
        await until(lambda: _learned(bench, len(keys)), "the new worker has heard of all sessions")
        assert {key: (await bench.get(modal_session_id=key)).text for key in keys} == homes

    play(scenario)


def test_changes_while_haproxy_is_away_are_refused_and_followed_when_it_is_back() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        supervisor, master, worker = [await bench.pid(name) for name in ("supervisor", "master", "worker")]
        os.kill(supervisor, signal.SIGSTOP)
        os.kill(master, signal.SIGKILL)

        async def down() -> bool:
            return ProcessId.of(worker) is None

        await until(down, "the worker ends after its master")
        with pytest.raises(OSError, match="HAProxy"):
            await bench.serve("ta-2")
        assert "ta-2 127.0.0.1" in bench.settings.config_file.read_text()
        os.kill(supervisor, signal.SIGCONT)
        await answers(bench, "ta-2")
        await bench.serve("ta-1")
        assert (await bench.get()).text == "ta-1"

    play(scenario)


def test_a_drain_goes_on_after_a_crash() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        await bench.hold("a.localhost", "ta-1")
        await bench.serve("ta-1~", "ta-2")
        await bench.facts.told("ta-1", 1)
        await until(lambda: _written(bench, "disabled"), "the files are current")
        os.kill(await bench.pid("worker"), signal.SIGKILL)
        await bench.facts.told("ta-1", 0)
        assert {(await bench.get()).text for _ in range(10)} == {"ta-2"}
        with pytest.raises(httpx.TransportError):
            await bench.held()

    play(scenario)


def test_a_new_supervisor_adopts_a_running_haproxy_and_restarts_it_when_it_dies() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        supervisor, worker = await bench.pid("supervisor"), await bench.pid("worker")
        os.kill(supervisor, signal.SIGKILL)

        async def replaced() -> bool:
            return await bench.pid("supervisor") != supervisor

        await until(replaced, "another supervisor")
        assert await bench.pid("worker") == worker
        assert (await bench.get()).text == "ta-1"
        os.kill(worker, signal.SIGKILL)
        await bench.up(worker)
        await answers(bench, "ta-1")

    play(scenario)


def test_a_new_control_plane_takes_over_without_a_change() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.real.set_tokens({"ab" * 32: ("tk-1", ("main",))})
        await bench.serve("ta-1")
        await bench.hold("a.localhost", "ta-1")
        await bench.serve("ta-1~", "ta-2", max_concurrency=7)
        before = await bench.up()
        await bench.restart()
        assert await bench.up() == before
        await bench.facts.told("ta-1", 1)
        assert await bench.real.observe() == {"ta-1": 1, "ta-2": 0}
        assert "ab" * 32 in bench.settings.tokens_map.read_text()
        assert f"ta-2 {bench.backends['ta-2'].address} id 2 maxconn 7" in bench.settings.config_file.read_text()
        await bench.serve("ta-1~", "ta-2")
        await bench.real.retain(["ap-1"])
        await bench.release("ta-1")
        assert [answer.status_code for answer in await bench.held()] == [200]
        await bench.real.retain([])
        assert (await bench.get()).status_code == 404

    play(scenario)


def test_other_settings_are_taken_up_by_a_reload() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        before = await bench.pid("master")
        bench.settings = replace(bench.settings, http_port=free_port())
        await bench.restart()
        assert await bench.pid("master") == before
        answer = await bench.client.get(f"{bench.url}/id", headers={"host": "a.localhost"})
        assert answer.text == "ta-1"

    play(scenario)


def test_a_loopback_port_that_somebody_took_is_replaced() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        told: asyncio.Queue[str] = asyncio.Queue()
        await bench.serve()
        await bench.real.close()
        taken = loopback.load(bench.settings).event
        with socket.create_server(("127.0.0.1", taken)):
            await bench.restart()
            bench.real.on_empty = lambda event: told.put_nowait(event.service_id)
            assert (await bench.get()).status_code == 503
            assert await told.get() == "fu-ap-1"

    play(scenario)


def test_a_second_supervisor_is_refused() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        argv = [
            sys.executable,
            "-m",
            "homeport.router.supervisor",
            "--run-dir",
            str(bench.settings.run_dir),
            "--binary",
            "x",
        ]
        second = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=DEADLINE_S)
        assert (second.returncode, second.stderr) == (3, f"A supervisor already runs on {bench.settings.run_dir}.\n")
        assert await bench.pid("supervisor")

    play(scenario)


def test_stop_leaves_no_process() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        pids = [await bench.pid(name) for name in ("supervisor", "master", "sidecar", "worker")]
        await bench.real.stop()
        assert [found for found in pids if ProcessId.of(found)] == []
        lock = os.open(bench.settings.run_dir / "supervisor.lock", os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(lock)

    play(scenario)


def test_a_port_in_use_is_named_and_nothing_is_left_running() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        other = RouterSettings(bench.directory / "other", "127.0.0.1", bench.settings.http_port)
        with pytest.raises(PlatformError, match=f"Port {bench.settings.http_port} on 127.0.0.1 is in use"):
            await HAProxyRouter(other).start()
        assert not (other.run_dir / "supervisor.json").exists()

    play(scenario)


def test_sockets_of_a_long_directory_lie_in_a_short_one() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        settings = RouterSettings(bench.directory / ("long" * 30), "127.0.0.1", free_port())
        router = HAProxyRouter(settings)
        await router.start()
        try:
            assert (await router.status())["state"] == "up"
            assert settings.socket_dir.stat().st_mode & 0o777 == 0o700
        finally:
            await router.stop()
        assert not settings.socket_dir.exists()

    play(scenario)


async def _written(bench: HAProxyBench, text: str) -> bool:
    return text in bench.settings.config_file.read_text() and "a.localhost" in bench.settings.hosts_map.read_text()


async def _copied(bench: HAProxyBench) -> bool:
    """Whether all that the worker knows of sessions has gone to the side-car."""
    said = re.search(r"id=sidecar.*?last_pushed=(\d+).*?localupdate=(\d+)", await _told(bench, "show peers"), re.DOTALL)
    return said is not None and said[1] == said[2] != "0"


async def _learned(bench: HAProxyBench, sessions: int) -> bool:
    return parse.table_used(await _told(bench, "show table")) == sessions


async def _told(bench: HAProxyBench, command: str) -> str:
    session = Session(bench.settings.admin_socket)
    try:
        return await session.one(command)
    except DataPlaneError:
        return ""
    finally:
        session.close()
