"""What `up` says of a control plane that doesn't start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from homeport.daemon import preflight, up
from homeport.errors import PlatformError
from homeport.settings import Settings


@pytest.mark.parametrize("words", ["", "\n", "Error: the disk is full\n"])
def test_a_control_plane_that_ends_at_once_is_told_with_its_last_words_or_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nprintf '{words}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(preflight, "checks", lambda _: [])
    settings = Settings(tmp_path / "data")
    with pytest.raises(PlatformError) as refused:
        up.up(settings, detach=True)
    log = settings.data_dir / "logs" / "control-plane.log"
    silent = f"The control plane ended at once and said nothing; see {log}."
    assert str(refused.value) == (words.strip().removeprefix("Error: ") or silent)
