"""A day of a thousand Servers that scale by themselves, simulated through the daemon's own kernel.

What it saves stands beside two others that can't be had: somebody who knows the future and starts containers in no time, and
somebody who keeps what the highest load of the day asks for.
"""

from __future__ import annotations

import time
from pathlib import Path

from report import Figure, Measured, Target

from homeport.sim.day import Day, Plan
from homeport.sim.loads import HOUR_MS

SERVERS = 1_000
TIMES_NEEDED_MAX = 3.0
REFUSED_PERCENT_MAX = 2.0
CPU_PERCENT_MAX = 1.0


def measure(_: Path, rounds: int) -> Measured:
    """`rounds` are hours of the day. Needs nothing but time: some seconds for each."""
    plan = Plan(SERVERS, rounds)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    account = Day(plan).run()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    had, needed, peak = (ms / HOUR_MS for ms in (account.had_ms, account.needed_ms, account.peak_ms))
    refused, beyond = (100 * ms / max(1, account.request_ms) for ms in (account.refused_ms, account.beyond_ms))
    title = f"{plan.hours} h of {SERVERS:,} Servers"
    return Measured(
        [
            Figure.of((f"{title}: containers", "h", "as each moment needs"), [had], [needed], Target(TIMES_NEEDED_MAX)),
            Figure.of((f"{title}: containers, beside the peak", "h", "as the peaks need"), [had], [peak]),
            Figure.alone(f"{title}: requests without a container", "%", [refused], Target(REFUSED_PERCENT_MAX, "value")),
            Figure.alone(f"{title}: requests beyond the target", "%", [beyond]),
            Figure.alone(
                f"{title}: kernel", "% of a core", [100 * cpu_s / (plan.hours * 3600)], Target(CPU_PERCENT_MAX, "value")
            ),
        ],
        (
            f"{title}: {account.changes:,} changes, {account.regrets:,} of them taken back within a window, "
            f"{account.starts:,} starts, {account.most:,} containers at most, {wall_s:.0f} s to simulate.",
        ),
    )
