"""Who is asking. Owns the Authorization header and who gets past it; what a token is, `Doorman` knows.

It stands before everything else, so that nothing of a request is read or checked for somebody without a token. What that
somebody may do is in `rules`.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Protocol

from fastapi import Request, Security
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from ..control.access import Person
from ..errors import AuthError
from . import doorstep, sessions
from .problems import answer

# the router has judged who begins or ends a session (`sessions`), and proves that it is the router
OPEN_PATHS = frozenset({"/v1/health", sessions.START, sessions.TERMINATE})
FORM = "`Bearer TOKEN_ID.TOKEN_SECRET`"


class Doorman(Protocol):
    def who(self, token_id: str, secret: str) -> Person | None:
        """The person these credentials authenticate, or None. Raises AuthError for valid ones that were revoked."""
        ...


class RequireToken:
    """ASGI middleware: 401 in words, or `request.state.person` and the name that history calls it by, `actor`."""

    def __init__(self, app: ASGIApp, doorman: Doorman) -> None:
        self._app = app
        self._doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # no route is one, and none shall be open by mistake
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            try:
                person = self._person(scope["headers"])
                identify = partial(self._person, scope["headers"])  # once more, while it goes on
                scope.setdefault("state", {}).update(person=person, actor=person.name, identify=identify)
            except AuthError as error:
                request = Request(scope)
                refusal = doorstep.page(request.url.path) if doorstep.is_browser(request) else answer(error)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _person(self, headers: list[tuple[bytes, bytes]]) -> Person:
        given = [value for name, value in headers if name == b"authorization"]
        if len(given) > 1:
            raise AuthError(f"There are {len(given)} Authorization headers: send one, of the form {FORM}.")
        scheme, _, credentials = (given[0] if given else b"").decode("latin-1").strip().partition(" ")
        if not credentials:
            raise AuthError(f"This needs a token: send it as `Authorization: {FORM[1:]}.")
        token_id, dot, secret = credentials.strip().partition(".")
        if scheme.lower() != "bearer" or not dot:
            half = " (the secret is missing)" if scheme.lower() == "bearer" and token_id.startswith("ak-") else ""
            raise AuthError(f"The Authorization header is not of the form {FORM}{half}.")
        if token_id.startswith("wk-"):
            raise AuthError(
                "This is a proxy token (wk-…), which is good for Servers only: the API wants an API token (ak-…)."
            )
        person = self._doorman.who(token_id, secret)
        if person is None:
            raise AuthError("The token is not valid: the platform doesn't know it, or its secret is wrong.")
        return person


def _caller(request: Request) -> Person:
    person: Person = request.state.person
    return person


def _actor(request: Request) -> str:
    actor: str = request.state.actor
    return actor


# the scheme only tells OpenAPI what the middleware wants
Actor = Annotated[str, Security(_actor)]
Caller = Annotated[Person, Security(_caller)]
BEARER = HTTPBearer(auto_error=False, bearerFormat="TOKEN_ID.TOKEN_SECRET", description="An API token of the platform.")
