"""Where a container listens that does not get ready, from what the kernel shows of its sockets."""

from __future__ import annotations

import os
import socket

import pytest

from homeport.engine import listening
from homeport.engine.listening import Listener

HERE, LOOPBACK = ("0.0.0.0", 8000), ("127.0.0.1", 8000)


@pytest.mark.parametrize(
    ("sockets", "words"),
    [
        pytest.param([], "", id="nothing listens"),
        pytest.param([HERE], "", id="all is well"),
        pytest.param([("::", 8000)], "", id="all is well over IPv6"),
        pytest.param([("10.3.0.3", 8000)], "", id="its own address"),
        pytest.param([LOOPBACK, HERE], "", id="both"),
        pytest.param(
            [LOOPBACK, ("0.0.0.0", 80)],
            "it listens on 127.0.0.1:8000, which only the container itself can reach; let it listen on 0.0.0.0",
            id="loopback",
        ),
        pytest.param(
            [("::1", 8000)],
            "it listens on [::1]:8000, which only the container itself can reach; let it listen on 0.0.0.0",
            id="loopback of IPv6",
        ),
        pytest.param(
            [("0.0.0.0", 5000), ("127.0.0.1", 80), ("0.0.0.0", 5000)],
            "it listens on 127.0.0.1:80, 0.0.0.0:5000, and the Server's port is 8000; make them the same with port=",
            id="another port",
        ),
    ],
)
def test_what_listens_instead_is_named(sockets: list[tuple[str, int]], words: str) -> None:
    assert listening.hint((Listener(port, address) for address, port in sockets), 8000) == words


def test_a_real_process_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listening.look(os.getpid(), port).startswith(f"it listens on 127.0.0.1:{port},")
    assert listening.look(2**22 + 1, port) == "", "no such process"
