"""Members, their API tokens and roles, as they are in the journal's projections. Owns the queries; never writes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from .database import Database
from .tables import api_tokens, environment_roles, members


@dataclass(frozen=True, slots=True)
class MemberRow:
    """`kind` is user or service, `role` a role in the workspace; one who was removed stays as a row."""

    member_id: str
    name: str
    kind: str
    role: str
    created_at_ms: int
    created_by: str
    deleted_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ApiTokenRow:
    """`sha256` is that of the secret, in hex. One that was deleted stays as a row, so that it can be called revoked."""

    token_id: str
    member_id: str
    sha256: str
    created_at_ms: int
    created_by: str
    deleted_at_ms: int | None = None


class MemberTable:
    """Reads beside the writer, from any thread. Every method raises OSError if the disk fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def members(self) -> list[MemberRow]:
        """All that there ever were, in order of creation."""
        columns = [members.c[name] for name in MemberRow.__dataclass_fields__]
        with self._database.reading() as connection:
            return [MemberRow(**row) for row in connection.execute(select(*columns).order_by(members.c.position)).mappings()]

    def tokens(self) -> list[ApiTokenRow]:
        """All that there ever were, in order of creation."""
        columns = [api_tokens.c[name] for name in ApiTokenRow.__dataclass_fields__]
        with self._database.reading() as connection:
            found = connection.execute(select(*columns).order_by(api_tokens.c.position)).mappings()
            return [ApiTokenRow(**row) for row in found]

    def roles(self) -> dict[tuple[str, str], str]:
        """Roles that were given to one member in one environment, by (environment id, member id)."""
        query = select(environment_roles).where(environment_roles.c.role != "")
        with self._database.reading() as connection:
            found = connection.execute(query).mappings()
            return {(row["environment_id"], row["member_id"]): str(row["role"]) for row in found}
