"""From nothing: the first answer of a Server without containers, twenty-five of them at once, and a burst of requests.

A client that gets 503 asks again after `POLL_S`, so what is measured is the platform, not a client's patience. Beside the
first answers stands the start of a bare `python -m http.server`, which is polled in the same way.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles

import bare
import machine
import openloop
import stage
from openloop import Answers, Plan
from report import Figure, Measured, Target
from stage import Stage, StageError

from homeport.errors import Error
from homeport.sdk import deploy, load, ref

SERVERS = Path(__file__).parent / "servers"
SETTINGS = "cpu_overcommit = 64\n"
ANSWER, SERVER = "ok", "Server"
COMPANION = "bare process"
SNAPSHOT_MS_MAX = 50
CROWD, CROWD_P95_MS_MAX, CROWD_POLL_S = 25, 2_000, 0.02
BURST_RATE, BURST_S = 3_000, 6.0
LEFT_S = 60.0


def first_answer(work: Path, rounds: int) -> Measured:
    """Zero to one, with and without a memory snapshot. Needs what a platform needs."""
    figures: list[Figure] = []
    notes: list[str] = []
    with stage.platform(work / "data", SETTINGS) as here:
        for name, source, target in (
            ("zero to one: first byte", "zero", None),
            ("zero to one: first byte, snapshot of 1 s of init", "snapshot", Target(SNAPSHOT_MS_MAX, "value")),
        ):
            try:
                _publish(here, source, source)
                ours, theirs = _first_answers(here, source, rounds)
            except (Error, StageError) as error:
                notes.append(f"No figure for {name!r}: {error}")
            else:
                figures.append(Figure.of((name, "ms", COMPANION), ours, theirs, target))
    return Measured(figures, tuple(notes))


def many(work: Path, rounds: int) -> Measured:
    """Twenty-five Servers at zero that are all asked at once."""
    p95_ms: list[float] = []
    with stage.platform(work / "data", SETTINGS) as here, ThreadPoolExecutor(CROWD) as pool:
        names = [f"zero-{number:02d}" for number in range(CROWD)]
        for name in names:
            _publish(here, "zero", name)
        hosts = [here.host(name, SERVER) for name in names]
        for number in range(rounds):
            for name in names:
                here.until_containers(name, 0, LEFT_S)
            begun = time.perf_counter()
            answered = list(pool.map(lambda host: here.until_answer(host, ANSWER, CROWD_POLL_S), hosts))
            p95_ms.append(quantiles([(at - begun) * 1000 for at in answered], n=20, method="inclusive")[-1])
            print(f"  {number + 1} of {rounds} rounds", file=sys.stderr, flush=True)
    target = Target(CROWD_P95_MS_MAX, "value")
    return Measured([Figure.alone(f"{CROWD} Servers from zero at once: p95", "ms", p95_ms, target)])


def burst(work: Path, rounds: int) -> Measured:
    """From no request and no container to 3,000 requests a second at once."""
    runs: list[tuple[Answers, Answers]] = []
    with stage.platform(work / "data", SETTINGS) as here:
        _publish(here, "burst", "burst")
        plan = Plan(here.http_port, here.host("burst", SERVER), BURST_RATE, keep_alive=True)
        for _ in range(rounds):
            here.until_containers("burst", 0, LEFT_S)
            with openloop.running(plan) as load_run:
                time.sleep(BURST_S)
                runs.append(_split(load_run.finish()))
    return Measured(_burst_figures(runs))


def _first_answers(here: Stage, app: str, rounds: int) -> tuple[list[float], list[float]]:
    host = here.host(app, SERVER)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(rounds + 1):
        here.until_containers(app, 0, LEFT_S)
        machine.wait_until_quiet()
        begun = time.perf_counter()
        took_ms = (here.until_answer(host, ANSWER) - begun) * 1000
        bare_ms = bare.cold_start_s(bare.python("3.11"), Path("/")) * 1000
        if number:  # the first one warms the caches up for both
            ours.append(took_ms)
            theirs.append(bare_ms)
    return ours, theirs


def _publish(here: Stage, source: str, name: str) -> None:
    app = load.load(ref.parse(str(SERVERS / f"{source}.py"), False)).app
    with here.client() as client:
        deploy.publish(app, deploy.Options(name=name), client)


def _split(answers: Answers) -> tuple[Answers, Answers]:
    """(what was due before the first good answer came, what after it). Raises StageError when there was none."""
    good_s = [answer.due_s + answer.done_ms / 1000 for answer in answers.all if not answer.problem]
    if not good_s:
        raise StageError(f"no request of the burst was answered: {answers.problems}")
    ready_s = min(good_s)
    return answers.between(0.0, ready_s), answers.between(ready_s, float("inf"))


def _burst_figures(runs: list[tuple[Answers, Answers]]) -> list[Figure]:
    name, rounds = f"burst 0 to {BURST_RATE:,}/s", len(runs)
    failed, sent = sum(after.failed for _, after in runs), sum(len(after.all) for _, after in runs)
    problems = "; ".join({after.problems for _, after in runs if after.failed})
    why = f" ({problems})" if problems else ""
    p95_ms, p50_ms = ([after.done_ms(percent) for _, after in runs] for percent in (95, 50))
    waited_ms = [1000 * len(before.all) / BURST_RATE for before, _ in runs]
    return [
        Figure(f"{name}: failed after the first ready{why}", "", failed, sent, "sent", rounds, Target(0, "value")),
        Figure.alone(f"{name}: first ready", "ms", waited_ms),
        Figure.of((f"{name}: p95 after it", "ms", "p50"), p95_ms, p50_ms),
        Figure.of(
            (f"{name}: rate after it", "/s", "intended"),
            [after.per_second for _, after in runs],
            [float(BURST_RATE)] * rounds,
        ),
    ]
