"""`python -m homeport.sim --seed 7` replays one world; `--seeds 2000 [--from 0]` runs many and names the first to fail."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from .run import Report, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m homeport.sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one and show its report")
    parser.add_argument("--seeds", type=int, default=200, help="how many to run")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        print(_run(arguments.seed))
        return 0
    began = time.monotonic()
    reports = [_run(seed) for seed in range(arguments.first, arguments.first + arguments.seeds)]
    seconds = time.monotonic() - began
    deployments, steps = sum(r.deployments for r in reports), sum(r.steps for r in reports)
    deaths = sum(r.plane_deaths for r in reports)
    print(f"{len(reports)} worlds, {deployments} deployments, {steps} steps, {deaths} plane deaths: {seconds:.1f} s")
    return 0


def _run(seed: int) -> Report:
    try:
        return simulate(seed)
    except AssertionError:
        traceback.print_exc()
        sys.exit(f"seed {seed} failed")


if __name__ == "__main__":
    sys.exit(main())
