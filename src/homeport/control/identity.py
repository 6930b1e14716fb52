"""Which container is asking: tokens that can be checked without having been stored. Owns their form; knows no route.

A token is `ct-<container id>-<mac>`, the mac being made of the container, its App and its environment with a key of the
platform. So it survives every restart, and is good for as long as the World has the container as one that has not ended.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..core import ids
from ..core.actions import StartContainer
from ..core.model import World
from ..core.states import ContainerState

if TYPE_CHECKING:
    from .loop import ControlLoop  # which needs the tokens for what it starts

PREFIX = "ct-"


@dataclass(frozen=True, slots=True)
class Caller:
    """A container that has proved to be this one."""

    container_id: str
    app_id: str
    environment: str


@dataclass(frozen=True, slots=True)
class Identity:
    key: bytes = field(repr=False)

    def token(self, action: StartContainer) -> str:
        """For the container that is about to be started; the same each time."""
        return self._token(Caller(action.container_id, action.app_id, action.environment))

    def caller(self, token: str, world: World) -> Caller | None:
        """Whose token it is; None for one that is not ours, or whose container has ended."""
        claimed = token.removeprefix(PREFIX).rpartition("-")[0]
        app = world.apps.get(ids.app_of(claimed))
        container = next((c for c in app.containers if c.container_id == claimed), None) if app else None
        if app is None or container is None or container.state is ContainerState.ENDED:
            return None
        caller = Caller(claimed, app.app_id, app.environment)
        return caller if hmac.compare_digest(self._token(caller).encode(), token.encode()) else None

    def _token(self, caller: Caller) -> str:
        text = "\0".join((caller.container_id, caller.app_id, caller.environment))
        mac = base64.b32encode(hmac.digest(self.key, text.encode(), hashlib.sha256)).decode().rstrip("=").lower()
        return f"{PREFIX}{caller.container_id}-{mac}"


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets containers in (`api.inside`)."""

    identity: Identity
    loop: ControlLoop

    def caller(self, token: str) -> Caller | None:
        return self.identity.caller(token, self.loop.world)

    def environment_of(self, app_id: str) -> str | None:
        app = self.loop.world.apps.get(app_id)
        return app.environment if app else None
