"""Whether a container's port takes connections, asked of the kernel (sock_diag(7)) instead of by making one: the program in
the container has nothing to accept and nothing to wonder about, once a second, for as long as it lives.

A connection is taken wherever a socket listens and its queue has room: the kernel answers both for the program.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import struct
import threading

from ..spawner import syscalls

NETLINK_SOCK_DIAG = 4
_BY_FAMILY, _ERROR, _REQUEST = 20, 2, 1
_LISTEN = 10
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, pid
_ASKED = struct.Struct("=BBBBI")  # family, protocol, extensions, padding, states
_PORTS = struct.Struct(">HH16s16s")  # ours, theirs, our address, theirs
_ANY = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)  # interface, no cookie
_QUEUE = struct.Struct("=II")  # waiting to be accepted, how many may
_STATE_AT = _HEADER.size + 1
_QUEUE_AT = _HEADER.size + 4 + _PORTS.size + len(_ANY) + 4
_ANSWER_BYTES = 4096
_TIMEOUT_S = 0.5


class Door:
    """One port, in the network namespace of a process. `close` it: it keeps that namespace alive."""

    def __init__(self, address: str, pid: int) -> None:
        """address: "ip:port". Raises OSError when the process is gone, or this kernel can't be asked."""
        if not supported():
            raise OSError(errno.EOPNOTSUPP, "this kernel tells nothing of its sockets")
        ip, _, port = address.rpartition(":")
        self._question = _question(ip, int(port))
        self._socket = _socket_of(pid)

    def is_open(self) -> bool:
        """Raises OSError when the kernel does not answer."""
        return _ask(self._socket, self._question)

    def close(self) -> None:
        self._socket.close()


@functools.cache
def supported() -> bool:
    """Asked of a socket that surely listens: a kernel without it says of every socket that it is not there."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as known, _netlink() as sock:
            return _ask(sock, _question("127.0.0.1", known.getsockname()[1]))
    except OSError:
        return False


def _socket_of(pid: int) -> socket.socket:
    """By a thread that ends with it: one that has been in another namespace is no good for anything else."""
    made: list[socket.socket] = []
    problems: list[OSError] = []

    def make() -> None:
        try:
            namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                syscalls.setns(namespace, syscalls.CLONE_NEWNET)
            finally:
                os.close(namespace)
            made.append(_netlink())
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=make, name=f"sockets of {pid}")
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return made[0]


def _netlink() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
    sock.settimeout(_TIMEOUT_S)
    return sock


def _question(ip: str, port: int) -> bytes:
    where = _PORTS.pack(port, 0, socket.inet_aton(ip).ljust(16, b"\0"), bytes(16)) + _ANY
    body = _ASKED.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 1 << _LISTEN) + where
    return _HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 0, 0) + body


def _ask(sock: socket.socket, question: bytes) -> bool:
    sock.send(question)
    answer = sock.recv(_ANSWER_BYTES)
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind == _ERROR:
        code = -struct.unpack_from("=i", answer, _HEADER.size)[0]
        if code != errno.ENOENT:
            raise OSError(code, os.strerror(code))
        return False
    waiting, most = _QUEUE.unpack_from(answer, _QUEUE_AT)
    return bool(answer[_STATE_AT] == _LISTEN and waiting <= most)
