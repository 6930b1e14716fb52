"""Whether a container's port takes connections, asked of the kernel (sock_diag(7)) instead of by making one: the program in
the container has nothing to accept and nothing to wonder about, once a second, for as long as it lives.

A connection is taken wherever a socket listens and its queue has room: the kernel answers both for the program.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import socket
import struct
import threading
from collections.abc import Iterable, Iterator

from ..spawner import syscalls

NETLINK_SOCK_DIAG = 4
_BY_FAMILY, _ERROR, _DONE, _REQUEST, _DUMP = 20, 2, 3, 0x001, 0x300
_LISTEN = 10
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, pid
_ASKED = struct.Struct("=BBBBI")  # family, protocol, extensions, padding, states
_PORTS = struct.Struct(">HH16s16s")  # ours, theirs, our address, theirs
_ANY = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)  # interface, no cookie
_QUEUE = struct.Struct("=II")  # waiting to be accepted, how many may
_STATE_AT = _HEADER.size + 1
_PORTS_AT = _HEADER.size + 4
_QUEUE_AT = _PORTS_AT + _PORTS.size + len(_ANY) + 4
_ANSWER_BYTES = 1 << 16
_TIMEOUT_S = 0.5


class Door:
    """One port, in the network namespace of a process. `close` it: it keeps that namespace alive."""

    def __init__(self, address: str, sock: socket.socket) -> None:
        """address: "ip:port"; sock: of `sockets_of`."""
        ip, _, port = address.rpartition(":")
        self._question = _question(ip, int(port))
        self._socket = sock

    def is_open(self) -> bool:
        """Raises OSError when the kernel does not answer."""
        return _ask(self._socket, self._question)

    def close(self) -> None:
        self._socket.close()


def listening(pid: int) -> list[tuple[str, int]]:
    """(address, port) of every socket that listens in its network namespace. Raises OSError, as for one that is gone."""
    for sock in sockets_of([pid]).values():
        with sock:
            return [found for family in (socket.AF_INET, socket.AF_INET6) for found in _listeners(sock, family)]
    raise OSError(errno.ESRCH, f"the sockets of process {pid} can't be seen")


def sockets_of(pids: Iterable[int]) -> dict[int, socket.socket]:
    """To ask the kernel with, one for the network namespace of each that is there; none where the kernel can't be asked.

    By a thread that ends with it: one that has been in another namespace is no good for anything else.
    """
    made: dict[int, socket.socket] = {}

    def make() -> None:
        for pid in pids:
            with contextlib.suppress(OSError):  # it is gone
                namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
                try:
                    syscalls.setns(namespace, syscalls.CLONE_NEWNET)
                finally:
                    os.close(namespace)
                made[pid] = _netlink()

    if supported():
        thread = threading.Thread(target=make, name="sockets of containers")
        thread.start()
        thread.join()
    return made


@functools.cache
def supported() -> bool:
    """Asked of a socket that surely listens: a kernel without it says of every socket that it is not there."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as known, _netlink() as sock:
            return _ask(sock, _question("127.0.0.1", known.getsockname()[1]))
    except OSError:
        return False


def _netlink() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
    sock.settimeout(_TIMEOUT_S)
    return sock


def _question(ip: str, port: int) -> bytes:
    where = _PORTS.pack(port, 0, socket.inet_aton(ip).ljust(16, b"\0"), bytes(16))
    return _message(socket.AF_INET, _REQUEST, where)


def _message(family: int, flags: int, where: bytes) -> bytes:
    body = _ASKED.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << _LISTEN) + where + _ANY
    return _HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, flags, 0, 0) + body


def _ask(sock: socket.socket, question: bytes) -> bool:
    sock.send(question)
    answer = sock.recv(_ANSWER_BYTES)
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind == _ERROR:
        if (code := _code(answer, 0)) != errno.ENOENT:
            raise OSError(code, os.strerror(code))
        return False
    waiting, most = _QUEUE.unpack_from(answer, _QUEUE_AT)
    return bool(answer[_STATE_AT] == _LISTEN and waiting <= most)


def _listeners(sock: socket.socket, family: int) -> Iterator[tuple[str, int]]:
    sock.send(_message(family, _REQUEST | _DUMP, bytes(_PORTS.size)))
    while True:
        answer, at = sock.recv(_ANSWER_BYTES), 0
        while at < len(answer):
            length, kind, *_ = _HEADER.unpack_from(answer, at)
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError(_code(answer, at), "the kernel does not tell its sockets")
            port, _, address, _ = _PORTS.unpack_from(answer, at + _PORTS_AT)
            yield socket.inet_ntop(family, address[: 4 if family == socket.AF_INET else 16]), port
            at += (length + 3) & ~3


def _code(answer: bytes, at: int) -> int:
    return -int(struct.unpack_from("=i", answer, at + _HEADER.size)[0])
