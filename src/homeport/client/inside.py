"""`Calls` for code inside a container: HTTP over the Unix socket that the platform puts there. Standard library only.

A connection for each call: on a Unix socket that costs next to nothing, and none can have been closed meanwhile. While the
platform restarts nobody listens; then a call waits a little. A call that broke off is not repeated: it may have been heard.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import time

from ..errors import AuthError, ConnectionError, Error, from_code  # noqa: A004 - the public API's name for it

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .calls import Parameters

SOCKET = "/run/homeport/platform.sock"
TOKEN = "HOMEPORT_IDENTITY_TOKEN"
ENVIRONMENT = "MODAL_ENVIRONMENT"
CONNECT_LIMIT_S = 15.0
CONNECT_PAUSE_S = 0.1
PIECE_BYTES = 1 << 20


class Inside:
    """Safe to use from several threads."""

    def __init__(self, path: str, token: str, environment: str) -> None:
        self.environment = environment
        self._path = path
        self._token = token

    @classmethod
    def of_this_container(cls) -> Inside:
        """Raises AuthError in a process without the container's token, as one that cleared its environment."""
        token = os.environ.get(TOKEN)
        if not token:
            raise AuthError(f"The platform can't be asked: the variable {TOKEN} of this container is not set (any more).")
        return cls(SOCKET, token, os.environ.get(ENVIRONMENT, "main"))

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        body: object = None,
        timeout_s: float | None = 60.0,
    ) -> dict[str, Any]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        connection = self._request(method, _target(path, params), content, headers, timeout_s)
        try:
            response = self._response(connection)
            data = _read(response)
        finally:
            connection.close()
        if not data:
            return {}
        found = json.loads(data)
        return found if isinstance(found, dict) else {}

    def send(
        self, method: str, path: str, content: Iterator[bytes], size_bytes: int, *, params: Parameters | None = None
    ) -> None:  # fmt: skip
        headers = {"Content-Length": str(size_bytes)}
        connection = self._request(method, _target(path, params), content, headers, None)
        try:
            _read(self._response(connection))
        finally:
            connection.close()

    def receive(self, path: str, *, params: Parameters | None = None) -> Iterator[bytes]:
        connection = self._request("GET", _target(path, params), None, {}, None)
        try:
            response = self._response(connection)
            while piece := _read(response, PIECE_BYTES):
                yield piece
        finally:
            connection.close()

    def _request(
        self, method: str, target: str, content: Any, headers: dict[str, str], timeout_s: float | None
    ) -> http.client.HTTPConnection:  # fmt: skip
        connection = _UnixConnection(self._path, timeout_s)
        try:
            connection.connect()
            connection.request(method, target, content, {"Authorization": f"Bearer {self._token}", **headers})
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _broken(error) from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _response(self, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        try:
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise _broken(error) from None
        if not 200 <= response.status < 300:
            raise _refused(_read(response))
        return response


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float | None) -> None:
        super().__init__("platform", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Waits while nobody listens, which is for a moment when the platform is started again."""
        end = time.monotonic() + CONNECT_LIMIT_S
        while True:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            try:
                self.sock.connect(self._path)
                return
            except (ConnectionRefusedError, FileNotFoundError, BlockingIOError):
                self.sock.close()
                if time.monotonic() > end:
                    raise
            time.sleep(CONNECT_PAUSE_S)


def _target(path: str, params: Parameters | None) -> str:
    from urllib.parse import quote, urlencode

    given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in (params or {}).items()}
    asked = urlencode({name: value for name, value in given.items() if value is not None})
    return quote(f"/v1{path}", safe="/%") + (f"?{asked}" if asked else "")


def _read(response: http.client.HTTPResponse, size: int | None = None) -> bytes:
    try:
        return response.read(size)
    except (OSError, http.client.HTTPException) as error:
        raise _broken(error) from None


def _refused(data: bytes) -> Error:
    try:
        error = json.loads(data)["error"]
        return from_code(str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return ConnectionError("The platform's answer can't be read.")


def _broken(error: Exception) -> Error:
    why = str(error) or type(error).__name__
    return ConnectionError(f"The platform can't be reached from this container: {why}.")
