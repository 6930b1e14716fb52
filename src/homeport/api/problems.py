"""What went wrong, as an HTTP answer or the last event of a stream. Owns the mapping from errors to statuses and words.

A person's mistake gets one line they can act on. Our own gets an id, which is in the log with the traceback; nothing else
of it leaves the process.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import errors
from ..store.files import DISK_FULL
from .models import Problem

log = logging.getLogger(__name__)

STATUSES: Mapping[type[errors.Error], int] = {
    errors.InvalidError: 400,
    errors.AuthError: 401,
    errors.PermissionDeniedError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.AlreadyExistsError: 409,
    errors.ResourceExhaustedError: 413,
    errors.Error: 500,
}
DISK_FULL_STATUS = 507

# every route declares them; "default" also keeps FastAPI from promising its own 422
DECLARED: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "What was sent is not valid"},
    401: {"model": Problem, "description": "No token, or one that is not good"},
    403: {"model": Problem, "description": "A good token without the right"},
    404: {"model": Problem, "description": "What was named does not exist"},
    409: {"model": Problem, "description": "Its state forbids it, or somebody else is changing it"},
    413: {"model": Problem, "description": "Too large"},
    500: {"model": Problem, "description": "It could not be carried out"},
    507: {"model": Problem, "description": "The platform's disk is full"},
    "default": {"model": Problem, "description": "Any other error"},
}


def install(app: FastAPI) -> None:
    """Answer every expected exception in our form."""
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    for kind in (errors.Error, OSError, ClientDisconnect):
        app.add_exception_handler(kind, _on_any)


class AnswerUnexpected:
    """ASGI middleware: what nobody expected is answered too, and ends one request instead of its connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            await answer(as_error(error))(scope, receive, send)


def answer(error: errors.Error) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.AuthError) else None
    return JSONResponse({"error": as_data(error)}, status_of(error), headers)


def as_data(error: errors.Error) -> dict[str, object]:
    if isinstance(error, errors.ImageBuildError):  # the last lines of what it said are for people, as they are
        of_build = {"image_id": error.image_id} if error.image_id else {}
        return {"code": error.code, "message": error.message, **of_build}
    return {"code": error.code, "message": " ".join(error.message.split())}


def status_of(error: errors.Error) -> int:
    """A ResourceExhaustedError that stems from the operating system is about its disk, any other about a limit of ours."""
    if isinstance(error, errors.ResourceExhaustedError) and isinstance(error.__cause__, OSError):
        return DISK_FULL_STATUS
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def as_error(error: Exception) -> errors.Error:
    """The error that a person is told of. What we did not expect is logged here, with the id that the message names."""
    if isinstance(error, errors.Error):
        return error
    if isinstance(error, ClientDisconnect):
        return errors.InvalidError("The upload broke off: nothing of it was kept.")
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        full = errors.ResourceExhaustedError(
            "disk full: the platform could not write this down; free some space and try again."
        )
        full.__cause__ = error
        return full
    incident = secrets.token_hex(4)
    log.error("incident %s", incident, exc_info=error)
    return errors.Error(f"The platform failed to do this; its log has the reason under incident {incident}.")


async def _on_any(_: Request, error: Exception) -> JSONResponse:
    return answer(as_error(error))


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, errors.Error):  # raised while FastAPI read the body
        return answer(error.__cause__)
    if error.status_code == 404:
        return answer(errors.NotFoundError(f"There is no {request.method} {request.url.path}: see /v1/openapi.json."))
    problem = errors.InvalidError(f"{request.method} {request.url.path}: {error.detail}.")
    return JSONResponse({"error": as_data(problem)}, error.status_code, error.headers)


async def _on_validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first, *more = error.errors()
    return answer(errors.InvalidError(_words(first) + (f" ({len(more)} more like this.)" if more else "")))


def _words(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "json_invalid":
        return f"The body is not JSON: {problem['ctx']['error']}."
    place, *path = problem["loc"]
    where = ".".join(str(part) for part in path)
    return f"{where or 'The ' + str(place)}: {problem['msg']}."
