"""What is going on, as it is told where there is no terminal."""

from __future__ import annotations

import pytest

from homeport.cli import render


def test_without_a_terminal_each_part_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with render.Progress() as progress:
        for done in (0, 0, 3, 10):
            progress.part("Uploading 2 files...", done, 10)
        progress.part("Uploading 1 file...", 0, 1)
    assert capsys.readouterr().err.splitlines() == ["Uploading 2 files...", "Uploading 1 file..."]
