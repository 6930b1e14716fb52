"""Laws of rollback and rollover, over what was asked and what the journal says came of it.

Reads the records themselves, and shares no code with those who choose or decide.
"""

from __future__ import annotations

from ..core.events import DeploymentMoved
from ..core.facts import DeployKind, DeployRequested
from ..core.reconcile import Step
from ..core.states import AppState
from ..store import records
from ..testing.journal import MemoryJournal
from .plane import LawBroken


class Redeployments:
    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal

    def asked(self, wish: DeployRequested, named: int | None, step: Step) -> None:
        """`step` is what came of it; `named` the version that a rollback was asked to go to."""
        if wish.kind is DeployKind.STANDARD:
            return
        app = step.world.apps.get(wish.app_id)
        published = [body for body in self._published() if body["app_id"] == wish.app_id]
        newest = max(published, key=_version)
        made = any(event.deployment.request_id == wish.request_id for event in _moved(step))
        if app is None or app.state is not AppState.DEPLOYED:
            if made:
                raise LawBroken(f"{wish.kind.value} of {wish.app_id}, which is not deployed, made v{newest['version']}")
            return
        if not made or newest["type"] != wish.kind.value:
            raise LawBroken(f"{wish.kind.value} of {wish.app_id} made no new version")
        if named is not None and newest["rollback_version"] != named:
            raise LawBroken(f"{wish.app_id} was to go back to v{named} and went to v{newest['rollback_version']}")

    def at_rest(self, broken: set[str]) -> None:
        """Each one says what it repeats, which is older, and has the very same manifest. `broken`: never built."""
        digests = {(body["app_id"], body["version"]): body["manifest_digest"] for body in self._published()}
        if never := broken.intersection(map(str, digests.values())):
            raise LawBroken(f"{sorted(never)} could not be built and were published")
        for body in self._published():
            repeated = body["rollback_version"]
            if (repeated is None) != (body["type"] == DeployKind.STANDARD.value):
                raise LawBroken(f"{body['app_id']} v{body['version']} is a {body['type']} of v{repeated}")
            if repeated is not None and digests[body["app_id"], repeated] != body["manifest_digest"]:
                raise LawBroken(f"{body['app_id']} v{body['version']} is not what v{repeated} was")

    def _published(self) -> list[dict[str, object]]:
        return [w.record.body for w in self._journal.records if w.record.kind == records.DEPLOYMENT_PUBLISHED]


def _moved(step: Step) -> list[DeploymentMoved]:
    return [event for event in step.events if isinstance(event, DeploymentMoved)]


def _version(body: dict[str, object]) -> int:
    return int(str(body["version"]))
