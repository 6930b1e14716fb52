"""Where sessions of a sessioned Server begin and end, on the Server's own URL (semantics 2.5.6 to 2.5.8).

Only the router gets here: it has judged who is asking, and proves that it is the one. Nothing of it is part of `/v1`.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse

from ..control.sessions import IDLE_TIMEOUT_S
from ..errors import InvalidError, NotFoundError, ResourceExhaustedError
from .context import PlatformHere
from .platform_port import Platform
from .problems import as_data

START, TERMINATE = "/_modal/sessions/start", "/_modal/sessions/terminate"
KEY_CHARACTERS_MAX = 200
RETRY_AFTER_S = "5"
router = APIRouter(include_in_schema=False)
Said = Annotated[str, Header()]


@router.post(START)
async def start(
    request: Request,
    platform: PlatformHere,
    x_modal_server_session_idle_timeout: Said = str(IDLE_TIMEOUT_S),
    x_idempotency_key: Said = "",
    x_homeport_caller: Said = "",
) -> JSONResponse:
    host = _host(request, platform)
    if not x_modal_server_session_idle_timeout.isdecimal():
        raise InvalidError("x-modal-server-session-idle-timeout must be a whole number of seconds.")
    idle_timeout_s = int(x_modal_server_session_idle_timeout)
    key = x_idempotency_key[:KEY_CHARACTERS_MAX]
    try:
        session_id, token = await platform.sessions.start(host, idle_timeout_s, key, x_homeport_caller)
    except ResourceExhaustedError as error:  # clients try again after a 5xx (semantics 2.5.10)
        return JSONResponse({"error": as_data(error)}, 503, {"Retry-After": RETRY_AFTER_S})
    return JSONResponse({"session_id": session_id, "token": token})


@router.post(TERMINATE)
async def terminate(request: Request, platform: PlatformHere, x_modal_server_session_token: Said = "") -> dict[str, Any]:
    await platform.sessions.terminate(_host(request, platform), x_modal_server_session_token)
    return {}


def _host(request: Request, platform: Platform) -> str:
    """The Server's host, as the router has it. Raises NotFoundError for everybody else."""
    shown = request.headers.get("x-homeport-router", "")
    if not platform.router_secret or not hmac.compare_digest(shown.encode(), platform.router_secret.encode()):
        raise NotFoundError("There is nothing here.")
    return request.headers.get("x-homeport-host", "")
