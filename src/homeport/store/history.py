"""What was and is, for people: deployments, Apps and containers from the journal's projections. Owns queries; never writes.

Rows are plain values in the journal's units; how they look in an answer is the API's affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, select

from ..manifest.names import is_app_id
from .database import Database
from .tables import app_index, app_tags, container_index, deployments


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    """One version in an App's history. `settled_at_ms` is when it became live, failed, or was overtaken before either;
    `live_at_ms` when it became live, None for one that never did; `rollback_version` what a rollback or rollover repeats.
    """

    app_id: str
    version: int
    at_ms: int
    actor: str
    client_version: str
    tag: str
    commit: dict[str, object] | None
    manifest_digest: str
    type: str
    outcome: str
    settled_at_ms: int | None
    reason: str | None
    rollback_version: int | None = None
    live_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AppRow:
    """An App that runs or ran. `state` is a `core.states.AppState`."""

    app_id: str
    name: str
    environment: str
    state: str
    created_at_ms: int
    created_by: str
    stopped_at_ms: int | None
    stopped_by: str | None


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """A container that runs or ran. `reason` says in words why it ended, `cut` how many requests that cost, `failed` whether
    it was its own doing; None where that is not known.
    """

    container_id: str
    app_id: str
    service: str
    version: int
    created_at_ms: int
    started_at_ms: int | None
    ready_at_ms: int | None
    ended_at_ms: int | None
    exit_code: int | None
    reason: str | None
    detail: str | None
    address: str | None
    stopped_by: str | None
    cut: int | None = None
    failed: bool | None = None


class History:
    """Reads beside the writer, from any thread. Every method raises OSError if the disk fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(self, app_id: str) -> list[DeploymentRow]:
        """All versions of an App, newest first; empty for an unknown one."""
        query = _rows(deployments, DeploymentRow).where(deployments.c.app_id == app_id)
        return [DeploymentRow(**row) for row in self._all(query.order_by(deployments.c.version.desc()))]

    def apps(self, environment: str | None = None) -> list[AppRow]:
        """All Apps, stopped ones too, in order of creation; of one environment if it is named."""
        query = _rows(app_index, AppRow).order_by(app_index.c.position)
        if environment is not None:
            query = query.where(app_index.c.environment == environment)
        return [AppRow(**row) for row in self._all(query)]

    def find_app(self, ref: str, environment: str) -> AppRow | None:
        """The App with this id, or of this name in `environment`: the one that is not stopped, else the last that was."""
        query = _rows(app_index, AppRow).order_by((app_index.c.state == "stopped").asc(), app_index.c.position.desc())
        if is_app_id(ref):
            query = query.where(app_index.c.app_id == ref)
        else:
            query = query.where(app_index.c.environment == environment, app_index.c.name == ref)
        found = self._all(query.limit(1))
        return AppRow(**found[0]) if found else None

    def set_tags(self, app_id: str) -> tuple[dict[str, str], dict[str, str]] | None:
        """The tags that were set from outside the App's code, and the code's own at that time; None if none ever were."""
        found = self._all(select(app_tags.c.tags, app_tags.c.code_tags).where(app_tags.c.app_id == app_id))
        return (found[0]["tags"], found[0]["code_tags"]) if found else None

    def containers(self, app_id: str | None = None, *, ended: bool = True) -> list[ContainerRow]:
        """Containers of one App (None: of all), in order of creation; `ended` says whether those that ended are wanted."""
        query = _rows(container_index, ContainerRow).order_by(container_index.c.position)
        if app_id is not None:
            query = query.where(container_index.c.app_id == app_id)
        if not ended:
            query = query.where(container_index.c.ended_at_ms.is_(None))
        return [ContainerRow(**row) for row in self._all(query)]

    def container(self, container_id: str) -> ContainerRow | None:
        found = self._all(_rows(container_index, ContainerRow).where(container_index.c.container_id == container_id))
        return ContainerRow(**found[0]) if found else None

    def _all(self, query: Select[Any]) -> list[dict[str, Any]]:
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _rows(table: Table, kind: type[DeploymentRow] | type[AppRow] | type[ContainerRow]) -> Select[Any]:
    return select(*(table.c[name] for name in kind.__dataclass_fields__))
