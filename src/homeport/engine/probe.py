"""Is the port open? Asked from outside, so that no image has to cooperate (semantics 2.3.2, 2.3.4).

`next_delay_ms` is the pure schedule of a starting container, which is asked by connect(2). `Health` looks after all ready
ones with one task, a slice of them every 100 ms, and asks the kernel, which costs a tenth of that and the container nothing.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import socket
from collections.abc import Callable, Sequence

from .sockdiag import Door, sockets_of

HEALTH_PERIOD_MS = 1_000
HEALTH_LIMIT_MS = 500
SLICES = 10
ATTEMPTS_PER_S_MAX = 1_000  # by all starting containers: a crowd would spend on asking what it needs to start
SCHEDULE = ((50, 0.5), (250, 1.0), (1_000, 5.0), (10_000, 20.0))  # (until this many ms after the start, pause in ms)
LATE_DELAY_MS = 100.0
ATTEMPT_LIMIT_MS = (20.0, 500.0)  # a lost SYN is only sent again by the kernel after 1 s: early attempts give up soon

log = logging.getLogger(__name__)

Target = tuple[str, str]  # (container id, address as "ip:port")


def next_delay_ms(elapsed_ms: float, booting: int = 1) -> float:
    """The pause before the next attempt, `elapsed_ms` after the start, while `booting` containers are polled in all."""
    shared_ms = (booting - 1) * 1000 / ATTEMPTS_PER_S_MAX
    return max(shared_ms, next((delay_ms for until_ms, delay_ms in SCHEDULE if elapsed_ms < until_ms), LATE_DELAY_MS))


def attempt_limit_ms(elapsed_ms: float) -> float:
    """How long one attempt may take."""
    return ATTEMPT_LIMIT_MS[0] if elapsed_ms < SCHEDULE[-2][0] else ATTEMPT_LIMIT_MS[1]


class Boots:
    """Waits for ports to open; knows how many wait."""

    def __init__(self) -> None:
        self._count = 0

    async def opened(self, address: str) -> None:
        """Returns when `address` ("ip:port") accepted a connection. Never gives up: cancel it."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._count += 1
        try:
            while True:
                elapsed_ms = (loop.time() - begun) * 1000
                if await _is_open(address, attempt_limit_ms(elapsed_ms)):
                    return
                await asyncio.sleep(next_delay_ms(elapsed_ms, self._count) / 1000)
        finally:
            self._count -= 1


class Health:
    """Checks every ready container once a second. `tell(id, healthy)` gets each failure, and the first success after one."""

    def __init__(self, tell: Callable[[str, bool], None]) -> None:
        self._tell = tell
        self._slices: list[dict[str, str]] = [{} for _ in range(SLICES)]
        self._doors: dict[str, Door] = {}
        self._unseen: dict[str, int] = {}  # pids of those for which there may be a door
        self._failing: set[str] = set()

    def add(self, container_id: str, address: str, pid: int) -> None:
        """pid: of a process of it. Where the kernel can't be asked, connections are made."""
        self.remove(container_id)
        min(self._slices, key=len)[container_id] = address
        self._unseen[container_id] = pid

    def failing(self, container_id: str) -> bool:
        return container_id in self._failing

    def remove(self, container_id: str) -> None:
        for one in self._slices:
            one.pop(container_id, None)
        self._unseen.pop(container_id, None)
        if door := self._doors.pop(container_id, None):
            door.close()
        self._failing.discard(container_id)

    async def run(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        turn, due = 0, loop.time()
        while True:
            due = max(due + HEALTH_PERIOD_MS / SLICES / 1000, loop.time())
            await asyncio.sleep(due - loop.time())
            if self._slices[turn]:
                await self.check(list(self._slices[turn].items()))
            turn = (turn + 1) % SLICES

    async def check(self, targets: Sequence[Target]) -> None:
        """One check of each, at once. Those that were removed meanwhile are not told."""
        self._find_doors(targets)
        strangers = [target for target in targets if target[0] not in self._doors]
        try:
            results = {name: door.is_open() for name, _ in targets if (door := self._doors.get(name))}
            if strangers:
                answers = await connects(strangers, HEALTH_LIMIT_MS)
                results |= {name: answer for (name, _), answer in zip(strangers, answers, strict=True)}
        except OSError as error:  # says nothing about any container
            log.warning("no health check of %d containers: %s", len(targets), error)
            return
        current = {container_id for one in self._slices for container_id in one}
        for container_id, healthy in results.items():
            if container_id not in current:
                continue
            if not healthy or container_id in self._failing:
                self._tell(container_id, healthy)
            (self._failing.discard if healthy else self._failing.add)(container_id)

    def _find_doors(self, targets: Sequence[Target]) -> None:
        """All at once, and not while they start, when there is enough to do."""
        pids = {name: self._unseen.pop(name) for name, _ in targets if name in self._unseen}
        found = sockets_of(pids.values()) if pids else {}
        self._doors |= {name: Door(address, found[pids[name]]) for name, address in targets if pids.get(name) in found}


async def _is_open(address: str, limit_ms: float) -> bool:
    try:
        return (await connects([("", address)], limit_ms))[0]
    except OSError as error:
        log.warning("can't see whether %s is open: %s", address, error)
        return False


async def connects(targets: Sequence[Target], limit_ms: float) -> list[bool]:
    """Which of them accept a connection within `limit_ms`. Connections are closed at once, without a reset.

    Raises OSError when this machine has no socket left.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_ms / 1000
    pending: dict[int, tuple[int, socket.socket]] = {}
    results = [False] * len(targets)
    poll = select.poll()
    try:
        for index, (_, address) in enumerate(targets):
            sock, code = _begin(address)
            if code == errno.EINPROGRESS:
                pending[sock.fileno()] = (index, sock)
                poll.register(sock, select.POLLOUT)
            else:
                results[index] = code == 0
                sock.close()
        pause_s = 0.0
        while True:
            for fd, _ in poll.poll(0) if pending else ():
                index, sock = pending.pop(fd)
                poll.unregister(fd)
                results[index] = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                sock.close()
            if not pending or loop.time() >= end:
                return results
            await asyncio.sleep(min(pause_s, end - loop.time()))
            pause_s = min(2 * pause_s + 0.001, 0.05)
    finally:
        for _, sock in pending.values():
            sock.close()


def _begin(address: str) -> tuple[socket.socket, int]:
    host, _, port = address.rpartition(":")
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        return sock, sock.connect_ex((host, int(port)))
    except BaseException:
        sock.close()
        raise
