"""`make bench`: measures what homeport promises to be fast at, prints one table, and writes the same as JSON.

Every figure stands beside something plain that was run in the same rounds. Needs root and a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from subprocess import SubprocessError

import at_once
import autoscale_day
import cold_start
import deploy
import idle
import machine
import mounts
import ray_serve
import report
import rollout
import rules
import snapshot
import stage
import upload
import zero

import images
import router
from homeport import __version__
from homeport.errors import Error
from homeport.router.launch import find_binary
from homeport.router.settings import RouterSettings

Measure = Callable[[Path, int], report.Measured]

# rounds, and with --quick
BENCHMARKS: dict[str, tuple[Measure, int, int]] = {
    "cold start": (cold_start.measure, 25, 5),
    "snapshot": (snapshot.measure, 15, 3),
    "at once": (at_once.measure, 3, 1),
    "deploy": (deploy.measure, 10, 3),
    "images": (images.measure, 5, 1),
    "mounts": (mounts.measure, 25, 3),
    "rollout": (rollout.measure, 10, 3),
    "router": (router.measure, 7, 2),
    "router rules": (rules.measure, 1, 1),
    "ray serve": (ray_serve.measure, 5, 2),
    "zero to one": (zero.first_answer, 25, 5),
    "many from zero": (zero.many, 5, 2),
    "burst": (zero.burst, 5, 1),
    "a day of autoscaling": (autoscale_day.measure, 24, 2),
    "idle containers": (idle.containers, 3, 1),
    "idle apps": (idle.apps, 5, 1),
    "upload": (upload.measure, 10, 2),
}


def main() -> int:
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what runs for a benchmark is taken down
    figures: list[report.Figure] = []
    notes: list[str] = []
    for name in arguments.only or BENCHMARKS:
        measure, rounds, quick = BENCHMARKS[name]
        figures += _run(name, measure, quick if arguments.quick else rounds, notes)
    about = {"homeport": __version__, **machine.describe(find_binary(RouterSettings(Path())))}
    print("\n" + "\n".join(report.table(figures)))
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))
    print("\n".join(["Medians over interleaved rounds.", *notes, report.verdict(figures)]))
    if arguments.json:
        arguments.json.write_text(json.dumps(report.as_json(figures, about, notes), indent=2) + "\n")
    return 0 if figures else 1


def _run(name: str, measure: Measure, rounds: int, notes: list[str]) -> list[report.Figure]:
    """What can't be measured here is said, and the rest goes on."""
    print(f"{name}: {rounds} rounds", file=sys.stderr, flush=True)
    work = Path(tempfile.mkdtemp(prefix="homeport-bench-"))
    try:
        if not machine.wait_until_quiet(machine.QUIET_WAIT_S):
            notes.append(f"The machine was busy before {name!r}.")
        measured = measure(work, rounds)
        notes.extend(measured.notes)
        return measured.figures
    except (Error, OSError, RuntimeError, SubprocessError, machine.MissingError, stage.StageError) as error:
        notes.append(f"No figures for {name!r}: {error}")
        return []
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure homeport on this machine.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works, not to quote")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="one benchmark (may be repeated)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
