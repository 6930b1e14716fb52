"""What people ask of the platform, and what it tells them while it works, as values. Owns shapes; knows no HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..core.facts import DeployKind
from ..core.model import Strategy
from ..manifest.schema import AppManifest
from ..manifest.tree import Tree


class Event(NamedTuple):
    """One event of a stream. `data` is JSON; bytes in it are base64 text."""

    name: str
    data: dict[str, object]


def progress(stage: str, message: str) -> Event:
    """What is done now, in words."""
    return Event("progress", {"stage": stage, "message": message})


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """A valid manifest to be published. `request_id` is the client's: the same id again is the same deploy.

    trees: for a plan, those of its files that need not be uploaded yet.
    """

    manifest: AppManifest
    strategy: Strategy
    environment: str
    request_id: str
    actor: str
    tag: str = ""
    client_version: str = ""
    commit: dict[str, object] | None = None
    trees: tuple[Tree, ...] = ()


@dataclass(frozen=True, slots=True)
class RedeployRequest:
    """A version of an App once more, as its stored manifest has it: a rollback or a rollover.

    `version` is what a rollback goes to (None: one back from the live one); a rollover has none. `request_id` is the
    client's: the same id again is the same deployment.
    """

    app_ref: str
    environment: str
    kind: DeployKind
    strategy: Strategy
    request_id: str
    actor: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """An App without Servers, if there is none of that name. `request_id` as in `DeployRequest`."""

    name: str
    environment: str
    request_id: str
    actor: str
    client_version: str = ""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Log lines of one App or (when `container_id` is given and `app_ref` is None) of one container.

    `tail` is the number of last lines (None: all in the range), `since_ms` is inclusive, `until_ms` exclusive, `source` is
    stdout, stderr or system (None: all), `search` a text that a line must hold, `function_id` the Server that wrote it,
    by id or name.
    """

    environment: str
    app_ref: str | None = None
    container_id: str | None = None
    follow: bool = False
    tail: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    source: str | None = None
    search: str | None = None
    function_id: str | None = None


@dataclass(frozen=True, slots=True)
class TrafficQuery:
    """Requests of one Server, and statistics of one or of an App (`server` is None).

    `since_ms` is inclusive, `until_ms` exclusive; None means what is usual for the question.
    """

    environment: str
    app_ref: str
    server: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    container_id: str = ""
