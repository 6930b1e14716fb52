"""Environments as they are in the journal's projection. Owns the query; never writes, and knows no rule about them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from .database import Database
from .tables import environments


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """`web_suffix` is empty for the environment whose URLs have none; a deleted one stays as a row."""

    environment_id: str
    name: str
    web_suffix: str
    created_at_ms: int
    created_by: str
    deleted_at_ms: int | None = None
    restricted: bool = False
    default_role: str = "contributor"  # of members without a role of their own there


class EnvironmentTable:
    """Reads beside the writer, from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self) -> list[EnvironmentRow]:
        """All that there ever were, in order of creation. Raises OSError if the disk fails."""
        columns = [environments.c[name] for name in EnvironmentRow.__dataclass_fields__]
        with self._database.reading() as connection:
            found = connection.execute(select(*columns).order_by(environments.c.position)).mappings()
            return [EnvironmentRow(**row) for row in found]
