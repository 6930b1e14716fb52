"""Tokens on the real data plane: what was revoked stays out, on old connections, in old workers, and after any restart."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Awaitable, Callable

import pytest
from router_bench import HAProxyBench, until

pytestmark = pytest.mark.host

KEY, SECRET = "wk-one", "ws-one"
HASH = hashlib.sha256(f"{KEY}:{SECRET}".encode()).hexdigest()
GOOD = {HASH: (KEY, ("*",))}


def play(scenario: Callable[[HAProxyBench], Awaitable[None]], **settings: int) -> None:
    async def run() -> None:
        bench = await HAProxyBench(**settings).open("ta-1")
        try:
            await bench.real.set_tokens(GOOD)
            await bench.serve("ta-1", authenticated=True)
            await until(lambda: routed(bench), "the route is in the files")
            await scenario(bench)
        finally:
            await bench.clean()

    asyncio.run(run())


async def routed(bench: HAProxyBench) -> bool:
    return "a.localhost" in bench.settings.hosts_map.read_text()


class Kept:
    """One connection that is kept open between requests."""

    async def open(self, bench: HAProxyBench) -> Kept:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", bench.settings.http_port)
        return self

    async def ask(self) -> int:
        """The status of the answer to one more request with the token."""
        self._writer.write(
            f"GET /id HTTP/1.1\r\nHost: a.localhost\r\nModal-Key: {KEY}\r\nModal-Secret: {SECRET}\r\n\r\n".encode()
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        await self._reader.readexactly(int(head.split("content-length: ")[1].split()[0]))
        return int(head.split()[1])

    def close(self) -> None:
        self._writer.close()


async def status(bench: HAProxyBench) -> int:
    return (await bench.get(modal_key=KEY, modal_secret=SECRET)).status_code


async def killed(bench: HAProxyBench) -> None:
    """kill -9 of the worker, and the wait for the next one, which boots from the files."""
    worker = await bench.pid("worker")
    os.kill(worker, signal.SIGKILL)
    await bench.up(but=worker)


def test_a_revocation_holds_for_the_next_request_of_a_connection_that_is_open() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        kept = await Kept().open(bench)
        assert [await kept.ask(), await kept.ask()] == [200, 200]
        await bench.real.set_tokens({})
        assert await kept.ask() == 401
        await bench.real.set_tokens({HASH: (KEY, ("prod",))})
        assert await kept.ask() == 403
        kept.close()

    play(scenario)


def test_a_revocation_holds_for_connections_of_a_worker_that_was_replaced() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        connections = [await Kept().open(bench) for _ in range(4)]
        assert [await kept.ask() for kept in connections] == [200] * 4
        before = await bench.pid("worker")
        for number in range(5):
            await bench.real.apply(f"ap-x{number}", (bench.route("ta-1", host=f"x{number}", app=f"ap-x{number}"),))
        assert await bench.pid("worker") != before, "four slots were not enough"
        assert await connections[0].ask() == 200, "the old worker still answers on what it has"
        await bench.real.set_tokens({})
        assert [await kept.ask() for kept in connections[1:]] == [401] * 3
        for kept in connections:
            kept.close()

    play(scenario, slots=4)


def test_what_was_acknowledged_is_in_the_files_that_a_restart_boots_from() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.real.set_tokens({})
        assert HASH not in bench.settings.tokens_map.read_text() + bench.settings.grants_map.read_text()
        await killed(bench)
        assert await status(bench) == 401
        await bench.real.set_tokens(GOOD)
        assert f"{HASH} {KEY}" in bench.settings.tokens_map.read_text()
        await killed(bench)
        assert await status(bench) == 200

    play(scenario)


def test_a_revoked_token_stays_out_while_there_is_no_control_plane_and_after_its_return() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.real.set_tokens({})
        await bench.real.close()
        assert await status(bench) == 401
        await bench.restart()
        assert await status(bench) == 401

    play(scenario)


def test_a_disk_that_can_not_be_written_does_not_keep_a_revoked_token_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bench: HAProxyBench) -> None:
        def full(*_: object) -> bool:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("homeport.router.files.write_if_changed", full)
            with pytest.raises(OSError, match="No space left"):
                await bench.real.set_tokens({})
            assert await status(bench) == 401

        async def written() -> bool:
            return HASH not in bench.settings.tokens_map.read_text()

        await until(written, "the files say so as soon as there is space")

    play(scenario)
