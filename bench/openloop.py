"""Requests at a fixed rate, whatever becomes of those before: the load of many people, who don't wait for each other.

Latency counts from the moment at which a request was due, so a stall is not hidden by a client that waits for it. `Load`
runs this file as a process of its own, which is one loop over epoll: cheap enough for a machine that it shares.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

CONNECTIONS = 32  # that are kept alive, and more while all of them wait
LIMIT_S = 5.0
STDIN = 0  # that it ends says: enough
LEAD_S = 0.1
FIRST_BYTES_MAX = 65536


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` is requests per second; with `keep_alive` connections are used again, else each request has its own."""

    port: int
    host: str
    rate: int
    keep_alive: bool

    @property
    def request(self) -> bytes:
        close = "" if self.keep_alive else "Connection: close\r\n"
        return f"GET / HTTP/1.1\r\nHost: {self.host}\r\n{close}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it was due (`time.perf_counter`), how much later it was sent and answered, and what went wrong."""

    due_s: float
    sent_ms: float
    done_ms: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """Of one run, or of a part of it."""

    all: tuple[Answer, ...]

    def between(self, begin_s: float, end_s: float) -> Answers:
        """Those that were due then."""
        return Answers(tuple(answer for answer in self.all if begin_s <= answer.due_s < end_s))

    @property
    def failed(self) -> int:
        return sum(bool(answer.problem) for answer in self.all)

    @property
    def problems(self) -> str:
        found = Counter(answer.problem for answer in self.all if answer.problem)
        return ", ".join(f"{count} x {problem}" for problem, count in found.most_common())

    @property
    def per_second(self) -> float:
        """Sent, from the first that was due to the last one sent."""
        first, last = self.all[0], self.all[-1]
        return (len(self.all) - 1) / (last.due_s + last.sent_ms / 1000 - first.due_s - first.sent_ms / 1000)

    def done_ms(self, percent: int) -> float:
        """A percentile of the latency; failed requests count with the time until they failed."""
        return _percentile([answer.done_ms for answer in self.all], percent)

    def late_ms(self, percent: int) -> float:
        """A percentile of how late the generator itself was."""
        return _percentile([answer.sent_ms for answer in self.all], percent)


class Load:
    """A generator that runs until it is asked for what it has seen."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def finish(self) -> Answers:
        """Ends it when the last request is answered or given up. Raises RuntimeError."""
        said, _ = self._process.communicate(timeout=3 * LIMIT_S)
        if self._process.returncode:
            raise RuntimeError("the load generator failed")
        return Answers(tuple(Answer(*row) for row in json.loads(said)))


@contextlib.contextmanager
def running(plan: Plan) -> Iterator[Load]:
    """Sends from now on; killed with the block if it was not finished."""
    argv = [sys.executable, __file__, str(plan.port), plan.host, str(plan.rate), "1" if plan.keep_alive else ""]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
    try:
        yield Load(process)
    finally:
        process.kill()
        process.wait()


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


# ---- the process of its own


@dataclass(slots=True, eq=False)
class Connection:
    sock: socket.socket
    due_s: float = 0.0  # of the request that waits for its answer; 0.0: it is idle
    sent_s: float = 0.0
    got: bytes = b""
    unsent: bool = False


class Generator:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.answers: list[Answer] = []
        self._request = plan.request
        self._connections: dict[int, Connection] = {}
        self._idle: deque[Connection] = deque()
        self._epoll = select.epoll()

    def run(self) -> list[Answer]:
        """Until stdin ends, and what was sent then is answered or given up. In the order in which they were due."""
        self._epoll.register(STDIN, select.EPOLLIN)
        due_s, step_s = time.perf_counter() + LEAD_S, 1 / self.plan.rate
        going = True
        while going:
            now_s = time.perf_counter()
            while due_s <= now_s:
                self.send(due_s)
                due_s += step_s
            going = self._receive(due_s)
            self._give_up(time.perf_counter() - LIMIT_S)
        self._epoll.unregister(STDIN)
        self.finish()
        return sorted(self.answers, key=lambda answer: answer.due_s)

    def send(self, due_s: float) -> None:
        connection = self._free()
        connection.due_s, connection.sent_s = due_s, time.perf_counter()
        try:
            connection.sock.send(self._request)
        except BlockingIOError:
            connection.unsent = True
            self._epoll.modify(connection.sock, select.EPOLLOUT)
        except OSError as error:
            self._done(connection, error.strerror or "not sent")

    def finish(self) -> None:
        """Waits for all that were sent."""
        end_s = time.perf_counter() + LIMIT_S
        while len(self._idle) < len(self._connections) and time.perf_counter() < end_s:
            self._receive(end_s)
        self._give_up(float("inf"))

    def _free(self) -> Connection:
        if self._idle and len(self._connections) >= CONNECTIONS:
            return self._idle.popleft()
        connection = Connection(socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock.connect_ex(("127.0.0.1", self.plan.port))
        self._connections[connection.sock.fileno()] = connection
        self._epoll.register(connection.sock, select.EPOLLIN)
        return connection

    def _receive(self, until_s: float) -> bool:
        """Whatever comes until then; False when it is enough. `select` because epoll counts in whole milliseconds."""
        select.select([self._epoll], [], [], max(0.0, until_s - time.perf_counter()))
        for fd, _ in self._epoll.poll(0):
            if fd == STDIN:
                return bool(os.read(STDIN, 1))
            self._heard(self._connections[fd])
        return True

    def _heard(self, connection: Connection) -> None:
        try:
            if connection.unsent:
                connection.sock.send(self._request)
                connection.unsent = False
                self._epoll.modify(connection.sock, select.EPOLLIN)
                return
            data = connection.sock.recv(FIRST_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            self._done(connection, error.strerror or "reset")
            return
        connection.got += data
        if not data:
            self._done(connection, "closed without an answer")
        elif (status := complete(connection.got)) is not None:
            self._done(connection, "" if status == 200 else f"status {status}")

    def _done(self, connection: Connection, problem: str) -> None:
        """An idle connection may be closed by the other side at any time: no request is lost by that."""
        if connection.due_s:
            now_s = time.perf_counter()
            due_s, sent_s = connection.due_s, connection.sent_s
            self.answers.append(Answer(due_s, (sent_s - due_s) * 1000, (now_s - due_s) * 1000, problem))
        again = self.plan.keep_alive and not problem and b"connection: close" not in connection.got.lower()
        connection.due_s, connection.got = 0.0, b""
        if again:
            self._idle.append(connection)
            return
        if connection in self._idle:
            self._idle.remove(connection)
        del self._connections[connection.sock.fileno()]
        connection.sock.close()

    def _give_up(self, before_s: float) -> None:
        for connection in [c for c in self._connections.values() if c.due_s and c.due_s < before_s]:
            self._done(connection, f"no answer within {LIMIT_S:g} s")


def complete(got: bytes) -> int | None:
    """The status of an answer with a Content-Length, once all of it is there."""
    head, end, body = got.partition(b"\r\n\r\n")
    if not end:
        return None
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return int(head.split(b" ", 2)[1]) if len(body) >= int(length or b"0") else None


def main() -> None:
    port, host, rate, keep_alive = sys.argv[1:]
    answers = Generator(Plan(int(port), host, int(rate), bool(keep_alive))).run()
    json.dump([(a.due_s, a.sent_ms, a.done_ms, a.problem) for a in answers], sys.stdout)


if __name__ == "__main__":
    main()
