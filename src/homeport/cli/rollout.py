"""What happens while one waits for a deployment, in words. Folds the containers' moves; pure, prints nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TERMINATING = "🧹 Terminating running containers"  # semantics 1.4.13

_ORDER = ("ready", "starting", "pending", "draining", "stopping")
_WORDS = {
    "starting": "is starting",
    "ready": "is ready",
    "draining": "takes no more requests and finishes those it has",
    "stopping": "is stopping",
    "ended": "has ended",
}


def last_lines(log_tail: Sequence[str]) -> list[str]:
    """What the container of a failed version wrote last; nothing if that is not known."""
    return ["The container's last lines:", *(f"    {line}" for line in log_tail)] if log_tail else []


class Rollout:
    """The containers of one App, as far as they moved since the deployment was published."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}

    def fold(self, move: Mapping[str, Any]) -> str:
        """Takes one `container` event; returns it as a line, or nothing when it repeats what is known."""
        container_id, state, reason = str(move["container_id"]), str(move["state"]), str(move.get("reason") or "")
        known, self._states[container_id] = self._states.get(container_id), state
        who = f"{move['server']} v{move['version']}: {container_id}"
        if state == "pending":
            return f"{who} {reason}" if reason else ""  # without a reason it is on its way already
        if known == state:
            return ""
        words = _WORDS.get(state, f"is {state}")
        return f"{who} {words}{f' ({reason})' if reason else ''}"

    def summary(self) -> str:
        """As in `Rolling out... 1 ready, 1 starting`."""
        states = list(self._states.values())
        counts = [f"{states.count(state)} {state}" for state in _ORDER if state in states]
        return "Rolling out... " + ", ".join(counts) if counts else "Rolling out..."
