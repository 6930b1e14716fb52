"""Deploys and rollbacks, as whole processes of the command line, with no other App and beside two hundred of them.

Beside them, in each round, runs what a deploy replaces at the least: the start of a bare `python -m http.server`. What the
others cost is the ratio between the rounds with them and those without; the two alternate platform by platform, because
two hundred containers at work beside rounds without others would slow those down too. A command spends most of its time
on starting itself, behind which such a cost could hide, so one deploy of each round is called from a running program.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import bare
import crowd
import machine
import stage
from report import Figure, Measured, Target
from stage import Stage

from homeport.sdk import deploy as sdk_deploy
from homeport.sdk import load, ref

EXAMPLE = Path(__file__).parent.parent / "examples" / "hello_server.py"
GREETING = "Hello from version one"
APP, SERVER = "hello-server", "Server"
COMPANION = "start of a bare process"
OTHERS = 200
OTHERS_RATIO_MAX = 1.2
ROUNDS_PER_PLATFORM = 5


@dataclass
class Rounds:
    """Milliseconds, one of each per round; `name` tells these rounds' versions from others'."""

    name: str
    noop: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    rollback: list[float] = field(default_factory=list)
    called: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def figures(self) -> list[Figure]:
        """Each with its target, and the start of a bare process beside it."""
        targets = {name: Target(at_most_ms, "value") for name, at_most_ms in AT_MOST_MS.items()}
        return [
            Figure.of((words, "ms", COMPANION), getattr(self, name), self.bare, targets.get(name))
            for name, words in NAMES.items()
            if name != "bare"
        ]

    def beside(self, alone: Rounds) -> list[Figure]:
        """These rounds, compared with those of an App that is alone. That of the bare process is the machine's own share."""
        return [
            Figure.of(
                (f"{words}, beside {OTHERS} other Apps", "ms", "with no other App"),
                getattr(self, name),
                getattr(alone, name),
                None if name == "bare" else Target(OTHERS_RATIO_MAX),
            )
            for name, words in NAMES.items()
        ]


NAMES = {
    "noop": "deploy without a change",
    "accepted": "deploy of a change until it is accepted",
    "answered": "deploy of a change until its first answer",
    "rollback": "rollback until every new request gets the version before",
    "called": "app.deploy() of a change until it is live, from a running program",
    "bare": COMPANION,
}
AT_MOST_MS = {"noop": 300, "accepted": 750, "answered": 1500, "rollback": 1000}


def measure(work: Path, rounds: int) -> Measured:
    """Five figures of an App that is alone, and six beside others. Needs what a platform needs."""
    alone, beside = Rounds("alone"), Rounds("beside others")
    for first in range(0, rounds, ROUNDS_PER_PLATFORM):
        numbers = range(first, min(rounds, first + ROUNDS_PER_PLATFORM))
        source = work / EXAMPLE.name
        with stage.platform(work / f"data-{first}", crowd.SETTINGS) as here:
            _change(source, "warm up")
            _deploy(here, source)
            _rounds(here, source, numbers, alone)
            crowd.deploy_all(here, OTHERS)
            _rounds(here, source, numbers, beside)
        print(f"  {numbers.stop} of {rounds} rounds", file=sys.stderr, flush=True)
    return Measured(alone.figures() + beside.beside(alone))


def _rounds(here: Stage, source: Path, numbers: range, done: Rounds) -> None:
    host = here.host(APP, SERVER)
    interpreter = bare.python("3.11")
    for number in numbers:
        machine.wait_until_quiet()
        _one_round(here, source, (host, f"version {number} {done.name}"), done)
        done.bare.append(bare.cold_start_s(interpreter, Path("/")) * 1000)


def _one_round(here: Stage, source: Path, expected: tuple[str, str], done: Rounds) -> None:
    begun = time.perf_counter()
    here.run("deploy", str(source))
    done.noop.append((time.perf_counter() - begun) * 1000)

    host, greeting = expected
    _change(source, greeting)
    begun = time.perf_counter()
    here.run("deploy", "--no-wait", str(source))
    done.accepted.append((time.perf_counter() - begun) * 1000)
    here.until_alone(APP)

    _change(source, f"{greeting}, again")
    begun = time.perf_counter()
    with here.beginning("deploy", str(source)):
        done.answered.append((here.until_answer(host, f"{greeting}, again") - begun) * 1000)
    here.until_alone(APP)

    begun = time.perf_counter()
    with here.beginning("app", "rollback", APP) as rolling_back:
        done.rollback.append((here.until_only(host, greeting, rolling_back) - begun) * 1000)
    here.until_alone(APP)

    _change(source, f"{greeting}, called")
    done.called.append(_deploy(here, source))
    here.until_alone(APP)


def _deploy(here: Stage, source: Path) -> float:
    """By this very process; how long until it was live, in milliseconds."""
    app = load.load(ref.parse(str(source), False)).app
    with here.client() as client:
        begun = time.perf_counter()
        sdk_deploy.publish(app, sdk_deploy.Options(), client)
        return (time.perf_counter() - begun) * 1000


def _change(source: Path, greeting: str) -> None:
    source.write_text(EXAMPLE.read_text().replace(GREETING, greeting))
