"""How a container ended, in the core's words. Pure."""

from __future__ import annotations

import signal

from ..core.facts import ContainerExited, ExitReason
from ..runtime.containers import Exit

SIGNAL_CODE_BASE = 128  # 128 + n for signal n, as shells have it


def exited(container_id: str, ending: Exit, stop_asked: bool) -> ContainerExited:
    """The first that is true: it never ran, memory, it was told to, nobody saw how, by itself."""
    if ending.error:
        detail = ending.error if not ending.step or ending.step in ending.error else f"{ending.step}: {ending.error}"
        return ContainerExited(container_id, ExitReason.START_FAILED, None, detail)
    code = ending.exit_code
    if code is None and ending.signal is not None:
        code = SIGNAL_CODE_BASE + ending.signal
    if ending.oom:
        return ContainerExited(container_id, ExitReason.OOM, code)
    if stop_asked:
        return ContainerExited(container_id, ExitReason.STOPPED, code)
    if code is None:
        return ContainerExited(
            container_id, ExitReason.LOST, None, "it ended while nobody watched; the exit code is unknown"
        )
    return ContainerExited(container_id, ExitReason.EXITED, code, _signal_words(ending.signal))


def _signal_words(number: int | None) -> str:
    """Empty if no signal ended it. Real-time signals have no name of their own."""
    if number is None:
        return ""
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}"
