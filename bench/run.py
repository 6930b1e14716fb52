"""`make bench`: measures what homeport promises to be fast at, prints one table, and writes the same as JSON.

Every figure stands beside something plain that was run in the same rounds. Needs root and a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import at_once
import cold_start
import deploy
import machine
import report
import rollout
import snapshot
import stage
import upload

import router
from homeport import __version__
from homeport.errors import Error
from homeport.router.launch import find_binary
from homeport.router.settings import RouterSettings

Measure = Callable[[Path, int], list[report.Figure]]

# rounds, and with --quick
BENCHMARKS: dict[str, tuple[Measure, int, int]] = {
    "cold start": (cold_start.measure, 25, 5),
    "snapshot": (snapshot.measure, 15, 3),
    "at once": (at_once.measure, 3, 1),
    "deploy": (deploy.measure, 10, 3),
    "rollout": (rollout.measure, 10, 3),
    "router": (router.measure, 7, 2),
    "upload": (upload.measure, 10, 2),
}


def main() -> int:
    arguments = _parser().parse_args()
    figures: list[report.Figure] = []
    notes: list[str] = []
    for name in arguments.only or BENCHMARKS:
        measure, rounds, quick = BENCHMARKS[name]
        figures += _run(name, measure, quick if arguments.quick else rounds, notes)
    about = {"homeport": __version__, **machine.describe(find_binary(RouterSettings(Path())))}
    print("\n" + "\n".join(report.table(figures)))
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))
    print("Medians over interleaved rounds. " + " ".join([*notes, report.verdict(figures)]))
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
        return measure(work, rounds)
    except (Error, OSError, RuntimeError, machine.MissingError, stage.StageError) as error:
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
