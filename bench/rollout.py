"""A rolling deploy under load: requests at a fixed rate while versions take over from each other.

In each round a stretch of load without a deploy comes first, then one with a deploy, from the start of its command until
the version before is gone. Both are of one run of the generator, once over connections that are kept and once with a new
one per request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import openloop
import stage
from openloop import Answers, Plan
from report import Figure, Measured, Target
from stage import Stage, StageError

SOURCE = Path(__file__).parent / "servers" / "steady.py"
GREETING = "version one"
APP, SERVER = "steady", "Server"
RATE = 1_000
QUIET_S = 3.0
SETTLE_S = 0.5
WARM_S = 2.0
WAYS = {"keep-alive": True, "new connections": False}
P95_MORE_MS = 10


@dataclass
class Run:
    """All requests of one run, and the stretches of its rounds: (without a deploy, with one), as times from and to."""

    answers: Answers
    stretches: list[tuple[tuple[float, float], tuple[float, float]]] = field(default_factory=list)

    def percentiles(self, percent: int) -> tuple[list[float], list[float]]:
        """Of the latency in ms per round: with a deploy, and without."""
        quiet = [self.answers.between(*before).done_ms(percent) for before, _ in self.stretches]
        busy = [self.answers.between(*during).done_ms(percent) for _, during in self.stretches]
        return busy, quiet


def measure(work: Path, rounds: int) -> Measured:
    """Five figures per kind of connection. Needs what a platform needs."""
    figures: list[Figure] = []
    with stage.platform(work / "data") as here:
        source = work / SOURCE.name
        _change(source, "warm up")
        here.run("deploy", str(source))
        for name, keep_alive in WAYS.items():
            plan = Plan(here.http_port, here.host(APP, SERVER), RATE, keep_alive)
            figures += _figures(f"deploy at {RATE:,}/s, {name}", _run(here, source, plan, rounds))
    return Measured(figures)


def _run(here: Stage, source: Path, plan: Plan, rounds: int) -> Run:
    run = Run(Answers(()))
    with openloop.running(plan) as load:
        time.sleep(WARM_S)
        for number in range(rounds):
            _change(source, f"{plan.keep_alive} {number}")
            begun = time.perf_counter()
            time.sleep(QUIET_S)
            deploying = time.perf_counter()
            here.run("deploy", str(source))
            here.until_alone(APP)
            run.stretches.append(((begun, deploying), (deploying, time.perf_counter())))
            time.sleep(SETTLE_S)
        run.answers = load.finish()
    return run


def _figures(name: str, run: Run) -> list[Figure]:
    answers = run.answers
    if answers.failed == len(answers.all):
        raise StageError(f"no request was answered: {answers.problems}")
    rounds, sent = len(run.stretches), len(answers.all)
    why = f" ({answers.problems})" if answers.failed else ""
    p95, worst = run.percentiles(95), run.percentiles(99)
    return [
        Figure(f"{name}: failed requests{why}", "", answers.failed, sent, "sent", rounds, Target(0, "value")),
        Figure.of((f"{name}: p95", "ms", "without a deploy"), *p95, Target(P95_MORE_MS, "difference")),
        Figure.of((f"{name}: p99", "ms", "without a deploy"), *worst),
        Figure(f"{name}: rate", "/s", answers.per_second, RATE, "intended", rounds),
        Figure(f"{name}: generator late, p95", "ms", answers.late_ms(95), 1000 / RATE, "between requests", rounds),
    ]


def _change(source: Path, greeting: str) -> None:
    source.write_text(SOURCE.read_text().replace(GREETING, greeting))
