"""Where a container listens that does not get ready, from what the kernel shows of its sockets."""

from __future__ import annotations

import os
import socket

import pytest

from homeport.engine import listening

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(local: str, state: str = "0A") -> str:
    return f"   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        pytest.param("", "", id="nothing listens"),
        pytest.param(row("00000000:1F40"), "", id="all is well"),
        pytest.param(row("0" * 32 + ":1F40"), "", id="all is well over IPv6"),
        pytest.param(row("0300030A:1F40"), "", id="its own address"),
        pytest.param(row("0100007F:1F40") + row("00000000:1F40"), "", id="both"),
        pytest.param(row("0100007F:1F40", "01"), "", id="a connection is no listener"),
        pytest.param(
            row("0100007F:1F40") + row("00000000:0050"),
            "it listens on 127.0.0.1:8000, which only the container itself can reach; let it listen on 0.0.0.0",
            id="loopback",
        ),
        pytest.param(
            row("00000000000000000000000001000000:1F40"),
            "it listens on [::1]:8000, which only the container itself can reach; let it listen on 0.0.0.0",
            id="loopback of IPv6",
        ),
        pytest.param(
            row("00000000:1388") + row("0100007F:0050"),
            "it listens on 127.0.0.1:80, 0.0.0.0:5000, and the Server's port is 8000; make them the same with port=",
            id="another port",
        ),
    ],
)
def test_what_listens_instead_is_named(rows: str, words: str) -> None:
    assert listening.hint(HEAD + rows, 8000) == words


def test_a_real_process_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listening.look(os.getpid(), port).startswith(f"it listens on 127.0.0.1:{port},")
    assert listening.look(2**22 + 1, port) == "", "no such process"
