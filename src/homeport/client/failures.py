"""What an answer of the platform, or its silence, means to a person. Responses in, errors out; sends nothing."""

from __future__ import annotations

from http import HTTPStatus

import httpx

from ..errors import AuthError, ConnectionError, Error, InvalidError, from_code  # noqa: A004 - the public API's name for it
from .config import Target


def unreachable(target: Target, error: httpx.TransportError) -> Error:
    """The connection failed, or broke."""
    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)):
        return ConnectionError(
            f"The connection to the platform at {target.server_url} was cut: {_why(error)}. "
            "What was asked for may still be going on; see `homeport status`."
        )
    if isinstance(error, httpx.ReadTimeout):
        return ConnectionError(f"The platform at {target.server_url} did not answer in time. Try `homeport status`.")
    return ConnectionError(
        f"Could not reach the platform at {target.server_url}: {_why(error)}; is it running? "
        "Try `homeport status` or `homeport up`."
    )


def not_text() -> Error:
    """Bytes that Python keeps in texts (`os.fsdecode`) can't be sent. They may be a secret, so they are not shown."""
    return InvalidError("What is to be sent holds text that is not UTF-8; look at the names and values that were given.")


def refused(target: Target, response: httpx.Response) -> Error:
    """The platform, or whatever listens there, answered with an error, or with something that is no answer."""
    code, message, image_id = _reported(response)
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        said = f" ({message.rstrip('.')})" if message else ""
        return AuthError(
            f"The platform at {target.server_url} does not accept the token {target.token_id} "
            f"from {target.token_origin}{said}. Set another one there."
        )
    if message:
        return from_code(code, message, image_id)
    return ConnectionError(
        f"{target.server_url} answers, but not as homeport does (HTTP {response.status_code}); "
        "is something else on this port?"
    )


def _reported(response: httpx.Response) -> tuple[str, str, str]:
    try:
        error = response.json()["error"]
        return str(error["code"]), str(error["message"]), str(error.get("image_id") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "error", "", ""


def _why(error: httpx.TransportError) -> str:
    return str(error).rstrip(".") or type(error).__name__
