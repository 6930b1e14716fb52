"""Deploys, as whole processes of the command line: of nothing new, and of a change until it is accepted and answers.

Beside them, in each round, runs what a deploy replaces at the least: the start of a bare `python -m http.server`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import bare
import machine
import stage
from report import Figure, Target
from stage import Stage

EXAMPLE = Path(__file__).parent.parent / "examples" / "hello_server.py"
GREETING = "Hello from version one"
APP, SERVER = "hello-server", "Server"
COMPANION = "start of a bare process"
SETTLE_S = 0.02


@dataclass
class Rounds:
    """Milliseconds, one of each per round."""

    noop: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def figures(self) -> list[Figure]:
        return [
            _figure("deploy without a change", self.noop, self.bare, 300),
            _figure("deploy of a change until it is accepted", self.accepted, self.bare, 750),
            _figure("deploy of a change until its first answer", self.answered, self.bare, 1500),
        ]


def measure(work: Path, rounds: int) -> list[Figure]:
    """Three figures. Needs what a platform needs."""
    source = work / EXAMPLE.name
    done = Rounds()
    with stage.platform(work / "data") as here:
        _change(source, "warm up")
        here.run("deploy", str(source))
        host = urlsplit(here.ask("server", "info", f"{APP}/{SERVER}")["url"]).netloc
        interpreter = bare.python("3.11")
        for number in range(rounds):
            machine.wait_until_quiet()
            _one_round(here, source, (host, f"version {number}"), done)
            done.bare.append(bare.cold_start_s(interpreter, Path("/")) * 1000)
    return done.figures()


def _one_round(here: Stage, source: Path, expected: tuple[str, str], done: Rounds) -> None:
    begun = time.perf_counter()
    here.run("deploy", str(source))
    done.noop.append((time.perf_counter() - begun) * 1000)

    host, greeting = expected
    _change(source, greeting)
    begun = time.perf_counter()
    here.run("deploy", "--no-wait", str(source))
    done.accepted.append((time.perf_counter() - begun) * 1000)
    _until_alone(here)

    _change(source, f"{greeting}, again")
    begun = time.perf_counter()
    deploying = here.begin("deploy", str(source))
    try:
        done.answered.append((here.until_answer(host, f"{greeting}, again") - begun) * 1000)
    finally:
        deploying.wait(stage.LIMIT_S)
    _until_alone(here)


def _change(source: Path, greeting: str) -> None:
    source.write_text(EXAMPLE.read_text().replace(GREETING, greeting))


def _until_alone(here: Stage) -> None:
    """Until the version before is gone, so that rounds don't lean on each other."""
    end = time.monotonic() + stage.LIMIT_S
    while time.monotonic() < end:
        if [container["state"] for container in here.ask("container", "list")] == ["ready"]:
            return
        time.sleep(SETTLE_S)
    raise stage.StageError("the version before did not go away")


def _figure(name: str, ours: list[float], theirs: list[float], at_most_ms: float) -> Figure:
    return Figure.of((name, "ms", COMPANION), ours, theirs, Target(at_most_ms, of_ratio=False))
