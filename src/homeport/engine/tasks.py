"""Background tasks whose failure is never silent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


def background(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Runs it; an exception that ends it is logged with its traceback. The caller keeps the task and cancels it."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_say_why_it_ended)
    return task


def _say_why_it_ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s ended: %s", task.get_name(), error, exc_info=error)
