"""What a build said, kept by image (`im-…`), for failed builds too. Owns the files below `<images>/logs`.

A new build of an image replaces the log of the one before; what was not built anew keeps the log of when it was.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from ..errors import InvalidError, NotFoundError

BYTES_MAX = 16 << 20
_NAME = re.compile(r"im-[0-9A-Za-z]{22}")


class KeptLog:
    """Written line by line, readable at once. What is beyond `BYTES_MAX` is left out, and the log says so."""

    def __init__(self, directory: Path, name: str) -> None:
        self._path = _path(directory, name)
        self._file: TextIO | None = None
        self._bytes = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)  # whoever reads the old one goes on reading it
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = open(descriptor, "w", buffering=1, errors="replace")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: str) -> None:
        """A log that can't be written (a full disk) must not end the build that it tells of."""
        if self._file is None or self._bytes > BYTES_MAX:
            return
        self._bytes += len(line) + 1
        said = line if self._bytes <= BYTES_MAX else f"(the log of this build is longer than {BYTES_MAX >> 20} MiB)"
        try:
            self._file.write(said + "\n")
        except OSError:
            self._bytes = BYTES_MAX + 1


def read(directory: Path, name: str) -> Iterator[str]:
    """Its lines. Raises InvalidError for what is no id of an image, NotFoundError if it has no log."""
    path = _path(directory, name)
    try:
        file = path.open(errors="replace")
    except FileNotFoundError:
        raise NotFoundError(f"There is no log of image {name}; it was not built here, or too long ago.") from None
    with file:
        for line in file:
            yield line.rstrip("\n")


def prune(directory: Path, age_s: float) -> None:
    """Removes logs that were written longer ago."""
    for path in directory.glob("im-*.log"):
        if time.time() - path.stat().st_mtime > age_s:
            path.unlink(missing_ok=True)


def _path(directory: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise InvalidError(f"{name!r} is not the id of an image (im-… and 22 letters and digits, as builds show it).")
    return directory / f"{name}.log"
