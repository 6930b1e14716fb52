"""The platform's side of a template: ask it for a process, tell that one what to become, learn its pid, let it go, hear how
it ended.

    fd of a socket to the template -> it forks and says "pid N"; orders, with 4 fds, to the child
    -> cgroups and files made -> "prepared" -> "ready" from the child -> pid written down -> "go"
    -> ... "status N" from the template

All up to the orders comes before there is a shim, where no Volumes have to be mounted first: both are made at the same
time.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from . import template

_ANSWER_MS_MAX = 10_000  # a machine that starts hundreds at once is slow, but not this slow
_STATUS_MS_MAX = 1_000  # of one that has ended; whoever waits for its news can look elsewhere, too


def ask(control: int, *, credentials: bool = False) -> int:
    """An fd through which a new process is waiting for its orders; it ends when that is closed. Raises OSError.

    With `credentials` the kernel tells with each packet who sent it.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if credentials:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with ours, theirs, socket.socket(fileno=os.dup(control)) as to_template:
        socket.send_fds(to_template, [b"fork"], [theirs.fileno()], socket.MSG_DONTWAIT)
        return ours.detach()


class Forked:
    """`reply` is an fd from `ask`. patient: nobody but the template can tell how it ended, and it may not have ended yet."""

    def __init__(self, reply: int, *, patient: bool = False) -> None:
        self._reply = reply
        self._patient = patient
        self._problem: OSError | None = None

    def order(self, request: dict[str, Any], fds: tuple[int, ...]) -> None:
        """What to become; `fds`: network namespace, mount namespace, stdout, stderr, and perhaps a control socket.

        A failure is told by `begin`.
        """
        try:
            with socket.socket(fileno=os.dup(self._reply)) as to_child:
                socket.send_fds(to_child, [json.dumps(request).encode()], fds)
        except OSError as error:
            self._problem = error

    def begin(self, note_pid: Callable[[int], None]) -> None:
        """Now that cgroups and files are there. `note_pid` is called before the process may go.

        Raises OSError with what the template or the process said; TimeoutError when they say nothing.
        """
        if self._problem:
            raise self._problem
        os.write(self._reply, template.PREPARED)
        deadline = time.monotonic() + _ANSWER_MS_MAX / 1000
        pid, ready = 0, False
        while not (pid and ready):
            word, _, rest = self._next(deadline).partition(" ")
            if word == "pid":
                pid = int(rest)
                note_pid(pid)
            elif word == "ready":
                ready = True
            else:
                raise OSError(rest if word == "error" else f"it ended at once ({word} {rest})")
        os.write(self._reply, template.GO)

    def status(self) -> int | None:
        """The wait status, once the process ended; None when the template died before it."""
        try:
            limit_ms = _ANSWER_MS_MAX if self._patient else _STATUS_MS_MAX
            word, _, rest = self._next(time.monotonic() + limit_ms / 1000).partition(" ")
        except OSError:
            return None
        return int(rest) if word == "status" else None

    def give_up(self) -> None:
        """A process that was not let go yet ends by this."""
        os.close(self._reply)

    def _next(self, deadline: float) -> str:
        poller = select.poll()
        poller.register(self._reply, select.POLLIN)
        if not poller.poll(max(0, deadline - time.monotonic()) * 1000):
            raise TimeoutError("the template does not answer")
        said = os.read(self._reply, template.MESSAGE_BYTES_MAX).decode(errors="replace")
        if not said:
            raise OSError("the template ended")
        return said
