"""Where a container comes from, and what is to be said about it. A value that the spawner hands to a shim."""

from __future__ import annotations

import os
import signal
from typing import NamedTuple

from . import process

CRUN, FORK, SNAPSHOT = "crun", "fork", "snapshot"


class Origin(NamedTuple):
    """By crun, or as a process that a template (FORK) or a memory snapshot has forked for it: `reply` leads to that
    (`forked.ask`), and whoever gets it closes it.
    """

    backend: str
    reply: int = -1
    note: str = ""
    source: tuple[int, int] = (0, 0)  # pid and start time of the template or snapshot
    layer: str = ""  # with what the snapshot's methods wrote; above those of the image

    def kill_source(self) -> None:
        """One that hangs: a template's containers go on, a snapshot's do not; the spawner makes a new one."""
        pidfd = process.open_pidfd(*self.source)
        if pidfd is not None:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
