"""The platform as Prometheus reads it: which metrics there are, and where each comes from. Measures nothing itself.

Counters begin anew with the control plane. There are no labels with container ids: they would never end.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..core.model import World
from ..core.states import AppState, DeploymentState
from ..router.haproxy import HAProxyRouter
from .exposition import Family, Point, by_labels, single, text
from .requestlog import RequestLog
from .usage import Sampler
from .vitals import Timing, Vitals

SERVER = ("environment", "app", "server")

Name = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """`render` is the whole document."""

    world: Callable[[], World]
    requests: RequestLog
    sampler: Sampler
    router: HAProxyRouter
    vitals: Vitals
    started_at_ms: int

    async def render(self) -> str:
        """Never fails: what can't be had is left out, and `homeport_router_up` says if that is the router."""
        world = self.world()
        names = server_names(world)
        families = [
            Family("homeport_build_info", "gauge", "Which homeport runs.", (Point(1, (("version", __version__),)),)),
            single("homeport_start_time_seconds", "gauge", "When the control plane started.", self.started_at_ms / 1000),
            *process(),
            *self._requests(names),
            *await self._router(world, names),
            *self._containers(world, names),
            *self._vitals(world),
        ]
        return text(families)

    def _requests(self, names: Mapping[str, Name]) -> list[Family]:
        counted = {(*names[service], code): n for (service, code), n in self.requests.counts.items() if service in names}
        refused = {(why,): n for why, n in self.requests.refused.items()}
        dropped = self.requests.dropped
        return [
            by_labels("homeport_requests_total", "counter", "Requests that ended.", counted, (*SERVER, "code")),
            by_labels("homeport_requests_refused_total", "counter", "Those that reached no Server.", refused, ("reason",)),
            single("homeport_request_log_dropped_total", "counter", "Requests that were not logged.", dropped),
        ]

    async def _router(self, world: World, names: Mapping[str, Name]) -> list[Family]:
        try:
            in_flight, info = await self.router.observe(), await self.router.info()
        except OSError:
            return [single("homeport_router_up", "gauge", "Whether the router serves.", 0)]
        service_of = {c.container_id: c.service_id for app in world.apps.values() for c in app.containers}
        busy: Counter[tuple[str, ...]] = Counter()
        for container_id, count in in_flight.items():
            if (name := names.get(service_of.get(container_id, ""))) is not None:
                busy[name] += count
        return [
            single("homeport_router_up", "gauge", "Whether the router serves.", 1),
            by_labels("homeport_requests_in_flight", "gauge", "Requests inside containers now.", busy, SERVER),
            *(single(name, kind, words, info[key]) for name, kind, words, key in _ROUTER if key in info),
        ]

    def _containers(self, world: World, names: Mapping[str, Name]) -> list[Family]:
        found: Counter[tuple[str, ...]] = Counter()
        cpu: Counter[tuple[str, ...]] = Counter()
        memory: Counter[tuple[str, ...]] = Counter()
        for app in world.apps.values():
            for container in app.containers:
                name = names[container.service_id]
                found[(*name, container.state.value)] += 1
                if (last := self.sampler.last.get(container.container_id)) is not None:
                    memory[name] += last.memory_bytes
                    cpu[name] += last.cpu_ns
        seconds = {name: ns / 1e9 for name, ns in cpu.items()}
        return [
            by_labels("homeport_containers", "gauge", "Containers now.", found, (*SERVER, "state")),
            by_labels("homeport_server_memory_bytes", "gauge", "Memory of a Server's containers.", memory, SERVER),
            by_labels("homeport_server_cpu_seconds", "gauge", "CPU time of the containers that run now.", seconds, SERVER),
        ]

    def _vitals(self, world: World) -> list[Family]:
        vitals = self.vitals
        apps = [app for app in world.apps.values() if app.state is not AppState.STOPPED]
        rolling = sum(d.state is DeploymentState.ROLLING for app in apps for d in app.deployments)
        return [
            single("homeport_apps", "gauge", "Apps that are not stopped.", len(apps)),
            single("homeport_rollouts", "gauge", "Rollouts under way.", rolling),
            by_labels("homeport_deployments_total", "counter", "Moves of versions.", vitals.rollouts, ("state",)),
            by_labels("homeport_container_moves_total", "counter", "Moves of containers.", vitals.containers, ("state",)),
            single("homeport_requests_cut_total", "counter", "Requests that a drain cut.", vitals.requests_cut),
            *_timing("homeport_journal_append", "Appends to the journal.", vitals.journal),
            *_timing("homeport_event_loop_lag", "How late the event loop was.", vitals.loop_lag),
        ]


def server_names(world: World) -> dict[str, Name]:
    """Environment, App and Server of each service id."""
    return {
        service.service_id: (app.environment, app.name, service.name)
        for app in world.apps.values()
        for service in app.services
    }


def process() -> list[Family]:
    """The metrics that Prometheus has a name for, of this process."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return [
        single("process_cpu_seconds_total", "counter", "CPU time.", (int(fields[11]) + int(fields[12])) / ticks),
        single("process_resident_memory_bytes", "gauge", "Memory.", int(fields[21]) * page),
        single("process_open_fds", "gauge", "Open file descriptors.", len(os.listdir("/proc/self/fd"))),
    ]


def _timing(name: str, words: str, timing: Timing) -> list[Family]:
    points = (Point(timing.sum_s, suffix="_sum"), Point(timing.count, suffix="_count"))
    longest = timing.take_longest()
    return [
        Family(f"{name}_seconds", "summary", words, points),
        single(f"{name}_max_seconds", "gauge", f"{words} The longest since this was last read.", longest),
    ]


_ROUTER = (
    ("homeport_router_connections", "gauge", "Connections of clients now.", "CurrConns"),
    (
        "homeport_router_connections_total",
        "counter",
        "Connections since the router's worker started.",
        "CumConns",
    ),
    ("homeport_router_requests_total", "counter", "Requests since the router's worker started.", "CumReq"),
    ("homeport_router_log_dropped_total", "counter", "Requests that never got into the router's ring.", "DroppedLogs"),
    ("homeport_router_uptime_seconds", "gauge", "How long the router's worker has been running.", "Uptime_sec"),
    ("homeport_router_idle_percent", "gauge", "How idle the router's worker is.", "Idle_pct"),
)
