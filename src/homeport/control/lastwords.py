"""What the platform itself adds to the log of a container that failed, or whose end cut requests. Owns the sentences.

A container that dies, or is ended, can't say so. Whoever reads its log should not have to look elsewhere for the reason.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from ..core.events import ContainerMoved, Event, RequestsCut
from ..core.model import World
from ..core.states import ContainerState
from ..ports import Clock
from .prepare import log_path

log = logging.getLogger(__name__)


class LastWords:
    """`watch` is to be called with the events of each step. It never fails: a line that can't be written is only missed."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._data_dir = data_dir
        self._clock = clock

    def watch(self, world: World, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case ContainerMoved(app_id, container) if container.state is ContainerState.ENDED and container.failed:
                    self._add(log_path(self._data_dir, app_id, container.container_id), f"the container {container.reason}")
                case RequestsCut(app_id, container_id, count):
                    self._add(log_path(self._data_dir, app_id, container_id), cut(count))
                case _:
                    pass

    def _add(self, path: Path, text: str) -> None:
        """A line of the form that spawner/wire.py describes, in one write: the container's shim may be writing too."""
        line = f"{self._clock.now_ms()} s {' '.join(text.split())}\n".encode()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, line)
            finally:
                os.close(file)
        except OSError as error:
            log.warning("%s could not be given its last line: %s", path.stem, error)


def cut(requests: int) -> str:
    were = "requests were" if requests > 1 else "request was"
    return f"{requests} {were} cut: not over when the container ended"
