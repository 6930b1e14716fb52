"""One change of a row of a projection, as a value. Owns its shape; `journal` performs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table


@dataclass(frozen=True, slots=True)
class Change:
    """Of the row named by `key`: set `values`, and `first` only where nothing is yet.

    If there is no such row it is made when `make` says so, else nothing happens.
    """

    table: Table
    key: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)
    make: bool = False
