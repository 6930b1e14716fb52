"""Programs end when those who wait for them don't want them any more."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from homeport.images import runner


def test_a_program_that_prints_more_than_anybody_reads_ends_when_it_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runner, "TERM_TO_KILL_S", 0.2)
    pid_file = tmp_path / "pid"
    script = f"trap '' TERM; echo $$ > {pid_file}; exec yes a line that is said again and again"

    async def story() -> None:
        says = asyncio.Event()

        def on_line(_: str) -> None:
            says.set()
            time.sleep(0.002)  # slower than it prints, so that much of it is never read

        running = asyncio.create_task(runner.run(["sh", "-c", script], on_line))
        await asyncio.wait_for(says.wait(), 60)
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=60)
        assert done, "it still waits for a program that was killed"

    asyncio.run(story())
    assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()
