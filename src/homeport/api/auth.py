"""Who is asking. Owns the Authorization header and who gets past it; what a token is, `store.tokens` knows.

It stands before everything else, so that nothing of a request is read or checked for somebody without a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import AuthError
from ..store.tokens import TokenStore
from .problems import answer

OPEN_PATHS = frozenset({"/v1/health"})


class RequireToken:
    """ASGI middleware: 401 in words, or `request.state.actor`."""

    def __init__(self, app: ASGIApp, tokens: TokenStore) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            try:
                scope.setdefault("state", {})["actor"] = self._actor(dict(scope["headers"]))
            except AuthError as error:
                await answer(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _actor(self, headers: Mapping[bytes, bytes]) -> str:
        scheme, _, credentials = headers.get(b"authorization", b"").decode("latin-1").strip().partition(" ")
        if not credentials:
            raise AuthError("This needs a token: send it as `Authorization: Bearer TOKEN_ID.TOKEN_SECRET`.")
        token_id, dot, secret = credentials.strip().partition(".")
        if scheme.lower() != "bearer" or not dot:
            raise AuthError("The Authorization header is not of the form `Bearer TOKEN_ID.TOKEN_SECRET`.")
        actor = self._tokens.verify(token_id, secret)
        if actor is None:
            raise AuthError("The token is not good here: the platform doesn't know it, or its secret is another.")
        return actor


def _actor(request: Request) -> str:
    actor: str = request.state.actor
    return actor


# the scheme only tells OpenAPI what the middleware wants
Actor = Annotated[str, Security(_actor)]
BEARER = HTTPBearer(auto_error=False, bearerFormat="TOKEN_ID.TOKEN_SECRET", description="An API token of the platform.")
