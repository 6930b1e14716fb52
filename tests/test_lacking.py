"""A machine that lacks something skips tests; CI may not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lacking import lacking

SCRIPT = Path(__file__).parents[1] / "scripts/test-registry"


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_what_is_skipped_elsewhere_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no such program"):
        lacking("no such program")


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_ci_needs_the_registry_that_others_can_do_without(tmp_path: Path, ci: str, code: int) -> None:
    (tmp_path / "bash").symlink_to("/bin/bash")  # and no apt-get
    environment = {**os.environ, "PATH": str(tmp_path), "CI": ci}
    done = subprocess.run(
        ["/bin/bash", SCRIPT, tmp_path / "registry"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "docker-registry" in done.stderr) == (code, True)
