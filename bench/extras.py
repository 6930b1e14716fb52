"""Programs that are measured for comparison only, installed for one run into virtual environments that go with it."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from machine import MissingError

INSTALL_LIMIT_S = 600.0


def install(folder: Path, *packages: str) -> Path:
    """The directory of their commands, in an environment made below `folder`. Raises MissingError where pip fails."""
    print(f"  pip install {' '.join(packages)}", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True)
    argv = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True, timeout=INSTALL_LIMIT_S)
    except subprocess.CalledProcessError as error:
        raise MissingError(f"pip could not install {' '.join(packages)}: {_last_line(error.stderr)}") from error
    except subprocess.TimeoutExpired as error:
        raise MissingError(f"pip did not install {' '.join(packages)} within {INSTALL_LIMIT_S:.0f} s") from error
    return folder / "bin"


def _last_line(said: str) -> str:
    return next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
