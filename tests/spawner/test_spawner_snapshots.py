"""What the spawner takes from a memory snapshot's last message, whichever of its end and the message it hears of first."""

from __future__ import annotations

import json
import select
import socket
from pathlib import Path
from typing import Any, cast

import pytest

from homeport.spawner.cgroup_layout import Layout
from homeport.spawner.containerdir import ContainerDir
from homeport.spawner.host import Host
from homeport.spawner.joined import Joined
from homeport.spawner.snapshots import Snapshots, _Snapshot

SHIM_PID = 4242


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(str(tmp_path), str(tmp_path), "t", "", -1, cast(Layout, None), False, 64, "x86_64", b"")


def made(host: Host, said: object) -> Snapshots:
    """With one that was being made, said this and ended."""
    poller = select.poll()
    snapshots = Snapshots(host, cast(Any, None), cast(Any, None), poller)
    found = _Snapshot("version 1", {}, cast(Any, None), ContainerDir(host.snapshots, "it"))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if said is not None:
        theirs.send(said if isinstance(said, bytes) else json.dumps(said).encode())
    theirs.close()
    found.control, found.shim_pid = ours.detach(), SHIM_PID
    poller.register(found.control, select.POLLIN)
    snapshots._live[found.name] = found
    return snapshots


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"unfit": "has 2 threads"}, "after its enter(snap=True) methods it has 2 threads"),
        (None, "it could not be made: it ended"),
        (b"[" * 4096, "it could not be made: it ended"),
        ([], "it could not be made: it ended"),
        (b"\xff", "it could not be made: it ended"),
    ],
)
def test_its_end_is_heard_of_before_its_last_words(host: Host, said: object, reason: str) -> None:
    snapshots = made(host, said)
    snapshots.ended(SHIM_PID)
    assert snapshots._broken == {"version 1": reason}
    assert snapshots.seen() == []


def test_one_that_was_ready_and_ended_is_made_again(host: Host) -> None:
    snapshots = made(host, {"ready": True})
    snapshots.ended(SHIM_PID)
    assert snapshots.names() == []


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("status 256", 256),
        ("status 9", 9),
        ("status \u00b2", None),
        ("status 127", None),
        ("status 999999", None),
        ("it", None),
    ],
)
def test_only_an_end_that_can_be_is_believed(said: str, status: int | None) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        theirs.send(said.encode())
        ended = Joined(ours.detach(), lambda: pytest.fail("it has begun already"))
        assert ended.status() == status
        ended.give_up()
