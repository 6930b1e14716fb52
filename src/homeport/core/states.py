"""The lifecycles: one enum and one table of legal moves each. The only way to change a state is `move`.

The diagrams in docs/states.md are `document()`, made from these tables (`make docs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar


class AppState(StrEnum):
    """Semantics 1.2, as far as deployed Apps go."""

    INITIALIZING = "initializing"  # the first deployment has not become live yet
    DEPLOYED = "deployed"
    STOPPING = "stopping"  # no route any more, containers are ending
    STOPPED = "stopped"


class DeploymentState(StrEnum):
    ROLLING = "rolling"  # published; its containers are coming up beside the old ones
    LIVE = "live"
    SUPERSEDED = "superseded"  # a later one took over, or the App was stopped
    FAILED = "failed"  # it never became live, and the reason is recorded


class ContainerState(StrEnum):
    PENDING = "pending"  # wanted, but no room or not yet time (`reason` says which)
    STARTING = "starting"
    READY = "ready"  # its port answers; routed while it stays healthy
    DRAINING = "draining"  # out of routing, finishing what it has
    STOPPING = "stopping"  # told to end
    ENDED = "ended"


A, D, C = AppState, DeploymentState, ContainerState

LEGAL_APP: Mapping[AppState, tuple[AppState, ...]] = {
    A.INITIALIZING: (A.DEPLOYED, A.STOPPING),
    A.DEPLOYED: (A.STOPPING,),
    A.STOPPING: (A.STOPPED,),
    A.STOPPED: (),
}
LEGAL_DEPLOYMENT: Mapping[DeploymentState, tuple[DeploymentState, ...]] = {
    D.ROLLING: (D.LIVE, D.SUPERSEDED, D.FAILED),
    D.LIVE: (D.SUPERSEDED,),
    D.SUPERSEDED: (),
    D.FAILED: (),
}
LEGAL_CONTAINER: Mapping[ContainerState, tuple[ContainerState, ...]] = {
    C.PENDING: (C.STARTING, C.ENDED),
    C.STARTING: (C.READY, C.STOPPING, C.ENDED),
    C.READY: (C.DRAINING, C.STOPPING, C.ENDED),
    C.DRAINING: (C.STOPPING, C.ENDED),
    C.STOPPING: (C.ENDED,),
    C.ENDED: (),
}

State = TypeVar("State", AppState, DeploymentState, ContainerState)


class IllegalMove(AssertionError):
    """A bug in the core: a lifecycle was asked to go where its table does not let it."""


def move(now: State, to: State) -> State:
    """Returns `to`. Raises IllegalMove where the lifecycle's table does not list it after `now`."""
    if to not in _table(now):
        raise IllegalMove(f"{type(now).__name__}: {now.value} -> {to.value}")
    return to


def _table(now: StrEnum) -> tuple[StrEnum, ...]:
    if isinstance(now, AppState):
        return LEGAL_APP[now]
    if isinstance(now, DeploymentState):
        return LEGAL_DEPLOYMENT[now]
    assert isinstance(now, ContainerState), now
    return LEGAL_CONTAINER[now]


def document() -> str:
    """docs/states.md: a diagram of the moves of each lifecycle, from the tables."""
    head = "# States\n\nMade from the tables in `src/homeport/core/states.py` by `make docs`; a test compares them.\n"
    return "\n".join(
        [head, _diagram(LEGAL_APP.items()), _diagram(LEGAL_DEPLOYMENT.items()), _diagram(LEGAL_CONTAINER.items())]
    )


def _diagram(moves: Iterable[tuple[StrEnum, tuple[StrEnum, ...]]]) -> str:
    rows = list(moves)
    first = rows[0][0]
    lines = [f"    [*] --> {first}"]
    for state, targets in rows:
        lines += [f"    {state} --> {target}" for target in targets] or [f"    {state} --> [*]"]
    diagram = "\n".join(lines)
    return f"## {type(first).__name__}\n\n```mermaid\nstateDiagram-v2\n{diagram}\n```\n"
