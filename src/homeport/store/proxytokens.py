"""Proxy tokens as they are in the journal's projections. Owns the queries; never writes, and knows no rule about them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from .database import Database
from .tables import proxy_grants, proxy_tokens, workspace_settings


@dataclass(frozen=True, slots=True)
class ProxyTokenRow:
    """`sha256` is that of "TOKEN_ID:SECRET", in hex. `environment_ids`: those it is allowed in, where that counts."""

    token_id: str
    name: str
    sha256: str
    created_at_ms: int
    created_by: str
    environment_ids: tuple[str, ...] = ()


class ProxyTokenTable:
    """Reads beside the writer, from any thread. Every method raises OSError if the disk fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self) -> list[ProxyTokenRow]:
        """All that were not deleted, in order of creation."""
        columns = [proxy_tokens.c[name] for name in ("token_id", "name", "sha256", "created_at_ms", "created_by")]
        query = select(*columns).where(proxy_tokens.c.deleted_at_ms.is_(None)).order_by(proxy_tokens.c.position)
        grants = select(proxy_grants.c.token_id, proxy_grants.c.environment_id).where(proxy_grants.c.granted)
        with self._database.reading() as connection:
            allowed: dict[str, list[str]] = {}
            for token_id, environment_id in connection.execute(grants.order_by(proxy_grants.c.environment_id)):
                allowed.setdefault(token_id, []).append(environment_id)
            found = [dict(row) for row in connection.execute(query).mappings()]
        return [ProxyTokenRow(**row, environment_ids=tuple(allowed.get(row["token_id"], ()))) for row in found]

    def setting(self, key: str) -> str | None:
        """What was chosen for the workspace, or None."""
        query = select(workspace_settings.c.value).where(workspace_settings.c.key == key)
        with self._database.reading() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else str(found)
