"""The connection to the spawner, against a socket that a test answers on."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.runtime.client import SpawnerClient, SpawnerError, SpawnerUnreachableError
from homeport.runtime.processes import ProcessId, alive, ended, identify
from homeport.spawner import wire


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.bind(str(tmp_path / "s"))
        sock.listen()
        yield sock


async def answer(listener: socket.socket, reply: wire.Message) -> tuple[wire.Message, list[int], socket.socket]:
    """Accepts one connection and answers one request on it."""

    def work() -> tuple[wire.Message, list[int], socket.socket]:
        peer, _ = listener.accept()
        data, fds, _, _ = socket.recv_fds(peer, wire.MESSAGE_BYTES_MAX, 4)
        peer.send(wire.encode(reply))
        return wire.decode(data), fds, peer

    return await asyncio.to_thread(work)


def test_a_request_gets_its_reply(listener: socket.socket) -> None:
    async def scenario() -> None:
        client = SpawnerClient(listener.getsockname())
        asked, reply = await asyncio.gather(answer(listener, {"ok": True, "pid": 7}), client.request("hello", x=1))
        assert (asked[0], reply) == ({"op": "hello", "x": 1}, {"pid": 7})
        asked[2].close()
        await client.close()

    asyncio.run(scenario())


def test_a_refusal_is_an_error_with_its_step(listener: socket.socket) -> None:
    async def scenario() -> None:
        client = SpawnerClient(listener.getsockname())
        reply = {"ok": False, "error": "no such thing", "step": "look"}
        asked, error = await asyncio.gather(answer(listener, reply), client.request("stop"), return_exceptions=True)
        assert isinstance(error, SpawnerError)
        assert (str(error), error.step) == ("no such thing", "look")
        assert not isinstance(asked, BaseException)
        asked[2].close()
        await client.close()

    asyncio.run(scenario())


def test_file_descriptors_travel_along(listener: socket.socket) -> None:
    async def scenario() -> None:
        read, write = os.pipe()
        client = SpawnerClient(listener.getsockname())
        asked, _ = await asyncio.gather(answer(listener, {"ok": True}), client.request("exec", [write]))
        os.close(write)
        os.write(asked[1][0], b"through")
        assert os.read(read, 100) == b"through"
        for fd in (read, *asked[1]):
            os.close(fd)
        asked[2].close()
        await client.close()

    asyncio.run(scenario())


def test_a_spawner_that_went_away_is_connected_to_again(listener: socket.socket) -> None:
    async def scenario() -> None:
        client = SpawnerClient(listener.getsockname())
        first, _ = await asyncio.gather(answer(listener, {"ok": True}), client.request("hello"))
        first[2].close()
        with pytest.raises(SpawnerUnreachableError, match="does not answer"):
            await client.request("hello")
        second, reply = await asyncio.gather(answer(listener, {"ok": True, "n": 2}), client.request("hello"))
        assert reply == {"n": 2}
        second[2].close()
        await client.close()

    asyncio.run(scenario())


def test_nobody_there_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(SpawnerUnreachableError, match="does not answer"):
        asyncio.run(SpawnerClient(str(tmp_path / "none")).request("hello"))


def test_a_reply_to_a_cancelled_request_is_not_taken_for_that_of_the_next_one(listener: socket.socket) -> None:
    async def scenario() -> None:
        client = SpawnerClient(listener.getsockname())
        first = asyncio.create_task(client.request("first"))
        peer, _ = await asyncio.to_thread(listener.accept)
        await asyncio.to_thread(peer.recv, wire.MESSAGE_BYTES_MAX)
        peer.send(wire.encode({"ok": True, "of": "first"}))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        asked, reply = await asyncio.gather(answer(listener, {"ok": True, "of": "second"}), client.request("second"))
        assert (asked[0]["op"], reply) == ("second", {"of": "second"})
        for sock in (peer, asked[2]):
            sock.close()
        await client.close()

    asyncio.run(scenario())


def test_a_spawner_that_does_not_answer_in_time_is_unreachable(listener: socket.socket) -> None:
    with pytest.raises(SpawnerUnreachableError, match="no answer in"):
        asyncio.run(SpawnerClient(listener.getsockname(), reply_limit_s=0.01).request("hello"))


def test_a_process_is_known_by_pid_and_start_time() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert alive(me)
    assert not alive(ProcessId(me.pid, me.start + 1))
    asyncio.run(asyncio.wait_for(ended(ProcessId(me.pid, me.start + 1)), 60))
