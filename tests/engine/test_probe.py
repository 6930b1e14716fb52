"""Probing ports of this machine's loopback: what is open, what is not, and what is told about it."""

from __future__ import annotations

import asyncio
import os
import select
import socket

import pytest

from free_ports import free_ports
from homeport.engine import sockdiag
from homeport.engine.probe import Boots, Health, connects


def closed_port() -> str:
    """Nobody opens it but the test."""
    return f"127.0.0.1:{free_ports(1)[0]}"


def opened(address: str = "127.0.0.1:0") -> tuple[socket.socket, str]:
    host, _, port = address.rpartition(":")
    server = socket.create_server((host, int(port)), backlog=50)
    return server, f"127.0.0.1:{server.getsockname()[1]}"


def test_open_and_closed_ports_are_told_apart_in_one_go() -> None:
    server, address = opened()
    with server:
        targets = [("a", address), ("b", closed_port()), ("c", address)]
        assert asyncio.run(connects(targets, 60_000)) == [True, False, True]


def test_a_port_that_swallows_everything_is_not_open() -> None:
    server = socket.create_server(("127.0.0.1", 0), backlog=0)
    with server, socket.create_connection(server.getsockname()), socket.socket() as second:
        select.select([server], [], [], 60)  # the first one waits to be accepted
        second.setblocking(False)
        second.connect_ex(server.getsockname())  # fills the queue: from now on SYNs are dropped
        assert asyncio.run(connects([("a", f"127.0.0.1:{server.getsockname()[1]}")], 20)) == [False]


def test_waiting_for_a_port_ends_when_it_opens() -> None:
    address = closed_port()

    async def scenario() -> None:
        waiting = asyncio.create_task(Boots().opened(address))
        await asyncio.sleep(0)
        assert not waiting.done()
        server, _ = opened(address)
        with server:
            await asyncio.wait_for(waiting, 60)

    asyncio.run(scenario())


def test_every_failure_and_the_first_success_after_one_are_told() -> None:
    told: list[tuple[str, bool]] = []
    health = Health(lambda container_id, healthy: told.append((container_id, healthy)))
    address = closed_port()
    health.add("ta-1", address, os.getpid())
    target = [("ta-1", address)]

    async def scenario() -> None:
        await health.check(target)
        await health.check(target)
        server, _ = opened(address)
        with server:
            await health.check(target)
            await health.check(target)

    asyncio.run(scenario())
    assert told == [("ta-1", False), ("ta-1", False), ("ta-1", True)]


def test_a_healthy_program_hears_nothing_of_its_checks() -> None:
    server, address = opened()
    health = Health(lambda container_id, healthy: None)
    health.add("ta-1", address, os.getpid())
    with server:
        server.setblocking(False)
        asyncio.run(health.check([("ta-1", address)]))
        with pytest.raises(BlockingIOError):
            server.accept()
    health.remove("ta-1")


def test_where_the_kernel_cannot_be_asked_connections_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockdiag, "supported", lambda: False)
    test_every_failure_and_the_first_success_after_one_are_told()


def test_a_container_that_was_removed_meanwhile_is_not_told() -> None:
    told: list[tuple[str, bool]] = []
    health = Health(lambda container_id, healthy: told.append((container_id, healthy)))
    address = closed_port()
    health.add("ta-1", address, os.getpid())
    health.remove("ta-1")
    asyncio.run(health.check([("ta-1", address)]))
    assert told == []
