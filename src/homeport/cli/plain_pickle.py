"""Pickles of plain values, read without running anything: what an App stored must not run on the machine of who looks."""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn

from ..errors import Error


class Unknown(Error):
    """It is no plain value. Its message says what it is, in short."""


def plain(data: bytes) -> Any:
    """A value as JSON can have it; what JSON has no word for is told by its `repr`. Raises Unknown for all else."""
    try:
        return _as_json(_Plain(io.BytesIO(data)).load())
    except Unknown:
        raise
    except Exception:  # a pickle that is damaged, or made by a newer Python, may fail in any way
        raise Unknown(f"<{len(data)} bytes>") from None


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise Unknown(f"<{module}.{name}>")


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else repr(key): _as_json(item) for key, item in value.items()}
    return repr(value)
