"""`.env` files, as python-dotenv reads them. Owns where one is looked for, and the words when there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from ..errors import InvalidError, NotFoundError


def read(path: Path) -> dict[str, str]:
    """Its keys and values; a key without `=` has none, and is left out. Raises NotFoundError, InvalidError."""
    from dotenv import dotenv_values

    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.")
    try:
        found = dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path} can't be read: {_why(error)}.") from None
    return {key: value for key, value in found.items() if value is not None}


def read_stream(stream: TextIO) -> dict[str, str]:
    """As `read`, of what is open already. Raises InvalidError."""
    from dotenv import dotenv_values

    try:
        found = dotenv_values(stream=stream)
    except UnicodeDecodeError as error:
        raise InvalidError(f"What was given can't be read: {_why(error)}.") from None
    return {key: value for key, value in found.items() if value is not None}


def find(start: Path, filename: str) -> Path:
    """`start` itself if it is a file, else the first `filename` in it or in a folder above. Raises NotFoundError."""
    if start.is_file():
        return start
    folder = start.resolve()
    for place in (folder, *folder.parents):
        if (place / filename).is_file():
            return place / filename
    raise NotFoundError(f"There is no file {filename} in {start} or a folder above it.")


def _why(error: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
