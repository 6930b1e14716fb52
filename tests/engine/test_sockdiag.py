"""What the kernel says of a port, beside what a connection would: the same, and nobody is disturbed."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from contextlib import closing

import pytest

from free_ports import free_ports
from homeport.engine import sockdiag
from homeport.engine.sockdiag import Door


def asked(port: int, ip: str = "127.0.0.1", pid: int = os.getpid()) -> bool:
    with closing(Door(f"{ip}:{port}", sockdiag.sockets_of([pid])[pid])) as door:
        return door.is_open()


def test_this_kernel_can_be_asked() -> None:
    assert sockdiag.supported()


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_what_listens_is_open(bound: str) -> None:
    with socket.create_server((bound, 0)) as server:
        assert asked(server.getsockname()[1])


def test_a_server_for_both_families_is_open_and_one_for_ipv6_alone_is_not() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        assert asked(server.getsockname()[1])
    with socket.create_server(("::", 0), family=socket.AF_INET6) as server:
        assert not asked(server.getsockname()[1])


def test_what_listens_elsewhere_or_nowhere_is_not_open() -> None:
    (port,) = free_ports(1)  # which nobody else opens afterwards
    with socket.create_server(("127.0.0.1", port)):
        assert not asked(port, "10.0.0.1")
    assert not asked(port)


def test_a_connection_is_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert not asked(client.getsockname()[1])


def test_a_full_queue_takes_nobody() -> None:
    server = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = server.getsockname()[1]
    with server:
        assert asked(port)
        with socket.create_connection(server.getsockname()):
            select.select([server], [], [], 60)  # until it waits to be accepted
            assert not asked(port)
            server.accept()[0].close()
            assert asked(port)


@pytest.mark.host
def test_another_network_namespace_is_asked_and_ours_is_kept() -> None:
    before = os.stat("/proc/thread-self/ns/net").st_ino
    with subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"x")
        other.stdin.flush()
        other.stdout.read(1)  # it is in there by now
        with socket.create_server(("127.0.0.1", 0)) as server:
            assert not asked(server.getsockname()[1], pid=other.pid)
            assert asked(server.getsockname()[1])
            assert sockdiag.listening(other.pid) == []
            assert os.stat("/proc/thread-self/ns/net").st_ino == before
        other.kill()


def test_a_process_that_is_gone_cannot_be_asked() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    assert sockdiag.sockets_of([gone.pid, os.getpid()]).keys() == {os.getpid()}
    with pytest.raises(OSError, match="can't be seen"):
        sockdiag.listening(gone.pid)


def test_all_that_listens_is_told_and_no_connection() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("::", 0), family=socket.AF_INET6) as two,
        socket.create_connection(one.getsockname()) as client,
    ):
        found = sockdiag.listening(os.getpid())
        assert {("127.0.0.1", one.getsockname()[1]), ("::", two.getsockname()[1])} <= set(found)
        assert client.getsockname() not in found
