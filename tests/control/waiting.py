"""Waiting for what the control plane does by itself, within the deadline of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], bool]) -> None:
    """Lets everything else go on until it holds."""
    while not true():  # noqa: ASYNC110 - what holds is a state, and nobody tells of it
        await asyncio.sleep(0)
