"""What it costs to have much and do nothing: two hundred containers that wait, and a hundred Apps without any."""

from __future__ import annotations

import time
from pathlib import Path

import crowd
import load
import stage
import zero
from report import Figure, Measured, Target
from stage import Stage

SOURCE = Path(__file__).parent / "servers" / "idle.py"
CONTAINERS, APPS = 200, 100
START_S_MAX, CPU_PERCENT_MAX, RSS_MIB_MAX = 2.0, 2.0, 100.0
SETTLE_S, WATCH_S = 10.0, 20.0
SETTINGS = "cpu_overcommit = 256\n"
KIB_PER_MIB = 1024


def containers(work: Path, rounds: int) -> Measured:
    """Seconds to start two hundred at once, memory of each, and what the control plane spends while they wait."""
    took_s: list[float] = []
    each_mib: list[float] = []
    percent: list[float] = []
    for number in range(rounds):
        with stage.platform(work / f"data-{number}", SETTINGS) as here:
            one = work / SOURCE.name
            one.write_text(SOURCE.read_text().replace(f"COUNT = {CONTAINERS}", "COUNT = 1"))
            here.run("deploy", str(one))  # the image is there, and the first of everything has been done
            before_mib, begun = _available_mib(), time.perf_counter()
            here.run("deploy", str(SOURCE))
            took_s.append(here.until_containers("idle", CONTAINERS) - begun)
            time.sleep(SETTLE_S)
            each_mib.append((before_mib - _available_mib()) / CONTAINERS)
            percent.append(_cpu_percent(here))
    return Measured(
        [
            Figure.alone(f"{CONTAINERS} containers at once: until all are ready", "s", took_s, _most(START_S_MAX)),
            Figure.alone(f"{CONTAINERS} idle containers: memory of each", "MiB", each_mib),
            Figure.alone(f"{CONTAINERS} idle containers: control plane", "% of a core", percent, _most(CPU_PERCENT_MAX)),
        ]
    )


def apps(work: Path, rounds: int) -> Measured:
    """Memory of the control plane with a hundred Apps that have no container. One platform, `rounds` looks at it."""
    with stage.platform(work / "data", SETTINGS) as here:
        crowd.deploy_all(here, APPS, zero.SERVERS / "zero.py")
        for number in range(APPS):
            here.until_containers(crowd.name(number), 0, zero.LEFT_S)
        rss_mib = []
        for _ in range(rounds):
            time.sleep(1)
            rss_mib.append(_rss_mib(here.control_plane()))
        percent = _cpu_percent(here)
    title = f"{APPS} Apps at zero: control plane"
    return Measured(
        [
            Figure.alone(f"{title}, memory", "MiB", rss_mib, _most(RSS_MIB_MAX)),
            Figure.alone(f"{title}, CPU", "% of a core", [percent]),
        ]
    )


def _most(limit: float) -> Target:
    return Target(limit, "value")


def _cpu_percent(here: Stage) -> float:
    pid = here.control_plane()
    before_s, begun = load.cpu_s(pid), time.perf_counter()
    time.sleep(WATCH_S)
    return 100 * (load.cpu_s(pid) - before_s) / (time.perf_counter() - begun)


def _rss_mib(pid: int) -> float:
    return _kib(f"/proc/{pid}/status", "VmRSS:") / KIB_PER_MIB


def _available_mib() -> float:
    """What the machine could still give away. Programs beside this one move it too."""
    return _kib("/proc/meminfo", "MemAvailable:") / KIB_PER_MIB


def _kib(path: str, name: str) -> int:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise RuntimeError(f"{path} does not say {name}")
