"""How large a request may be. Owns the limit of what is read into memory; blobs are streamed and limited by the store."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ResourceExhaustedError
from .problems import answer

BODY_BYTES_MAX = 32 * 1024**2
STREAMED = ("/v1/blobs/", "/v1/volumes/", "/v1/dicts/")


class LimitBody:
    """ASGI middleware: 413 for a body that is too large, whether it says so before or not."""

    def __init__(self, app: ASGIApp, bytes_max: int = BODY_BYTES_MAX) -> None:
        self._app = app
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"] == "PUT" and scope["path"].startswith(STREAMED)):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._bytes_max:
            await answer(self._refusal(scope["path"]))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._bytes_max:
                raise self._refusal(scope["path"])
            return message

        await self._app(scope, counted, send)

    def _refusal(self, path: str) -> ResourceExhaustedError:
        if path.startswith("/v1/deployments"):  # semantics 1.4.15
            return ResourceExhaustedError(
                f"An App whose definition has more than {self._bytes_max} bytes is too large to deploy"
            )
        return ResourceExhaustedError(f"The request is too large: its body may have at most {self._bytes_max} bytes.")
