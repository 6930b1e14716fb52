"""The audit log as people read it: who did what to what, by the names of semantics 1.10.6. Owns names; stores nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ..core import ids
from ..store import records as kinds
from ..store.audit import Audit, AuditRow
from ..store.history import AppRow, History
from . import views
from .views import Json

_ACTIONS = {kinds.APP_TAGS: "app.set_tags"}
_DEPLOY_TYPES = {"standard": "app.deploy"}  # the others are called what they are


@dataclass(frozen=True, slots=True)
class Auditor:
    audit: Audit
    history: History

    def acts(self, count: int) -> list[Json]:
        """What people did last, newest first."""
        apps = {app.app_id: app for app in self.history.apps()}
        return [_line(row, apps) for row in self.audit.acts(count)]

    def verify(self) -> Json:
        """Whether every record is there and as it was written; if not, which is the first that is not."""
        verdict = self.audit.verify()
        return {"ok": verdict.problem is None, "records": verdict.records, "problem": verdict.problem}


def action(row: AuditRow) -> str:
    """`app.deploy`, `container.stop`, …; what has no other name is called as its record is."""
    if row.kind == kinds.DEPLOYMENT_PUBLISHED:
        given = str(row.body.get("type"))
        return _DEPLOY_TYPES.get(given, f"app.{given}")
    return _ACTIONS.get(row.kind, row.kind)


def _line(row: AuditRow, apps: dict[str, AppRow]) -> Json:
    body = row.body
    container_id = body.get("container_id")
    app_id = body.get("app_id") or (ids.app_of(container_id) if isinstance(container_id, str) else None)
    app = apps.get(str(app_id))
    about_environment = row.kind.startswith("environment.")
    return {
        "record": row.seq,
        "time": views.iso(row.at_ms),
        "actor": row.actor,
        "action": action(row),
        "app_id": app_id,
        "app_name": body.get("app_name") or (app.name if app else None),
        "environment": body.get("name") if about_environment else (app.environment if app else body.get("environment")),
        "version": body.get("version"),
        "container_id": container_id,
        "object": _object(row),
        "hash": row.hash,
    }


def _object(row: AuditRow) -> str | None:
    """What it was done to, where that is neither App nor container: a Secret with its keys, a member with the new role."""
    if row.kind.startswith("secret.") and "secret_id" in row.body:
        keys = ", ".join(str(key) for key in row.body.get("keys") or ())
        return f"{row.body.get('name') or row.body['secret_id']} ({keys})"
    named = " ".join(str(row.body[key]) for key in ("member", "token_name", "token_id", "key") if row.body.get(key))
    given = row.body.get("role") or row.body.get("value")
    return f"{named}: {given}" if named and given else named or None
