"""`server.sessions`: beginning and ending sessions of a sessioned Server, on its own URL (semantics 2.5.6 to 2.5.10).

Standard library only: containers talk to Servers of others too.
"""

from __future__ import annotations

import os
import time

from .twins import twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.client import HTTPConnection
    from typing import TypedDict

    class Session(TypedDict):
        session_id: str  # `sd-...`, for people
        token: str  # goes with each request, as `Modal-Authorization: Bearer TOKEN`


START, TERMINATE = "/_modal/sessions/start", "/_modal/sessions/terminate"
START_ATTEMPTS, TERMINATE_ATTEMPTS = 5, 3
START_TIMEOUT_S, TERMINATE_TIMEOUT_S = 330, 60
PAUSE_S = 1.0


class Sessions:
    """Starts and ends sessions; get it as `server.sessions`. Each method blocks; its `.aio` form does not."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url

    @twin
    def start(self, idle_timeout: int = 600, *, credentials: tuple[str, str] | None = None) -> Session:
        """Starts a session; waits up to five minutes until a container has room. Returns its `session_id` and `token`.

        idle_timeout: seconds without a request in flight after which it ends. credentials: `wk-...` and `ws-...` of a proxy
        token, for a Server that is not public. Raises ExecutionError with the status when it is refused.
        """
        headers = {"x-modal-server-session-idle-timeout": str(idle_timeout), "x-idempotency-key": os.urandom(16).hex()}
        if credentials is not None:
            headers |= {"Modal-Key": credentials[0], "Modal-Secret": credentials[1]}
        status, reason, body = _post(self._url() + START, headers, START_ATTEMPTS, START_TIMEOUT_S)
        if status >= 400:
            raise _failed(f"Failed to start session: status {status} {reason}")
        import json

        session: Session = json.loads(body)
        return session

    @twin
    def terminate(self, token: str) -> None:
        """Ends the session of `token`: requests in flight finish, new ones are refused. One that has ended is no error.

        Raises ExecutionError with the status when it is refused.
        """
        headers = {"x-modal-server-session-token": token}
        status, reason, _ = _post(self._url() + TERMINATE, headers, TERMINATE_ATTEMPTS, TERMINATE_TIMEOUT_S)
        if status >= 400 and status != 404:
            raise _failed(f"Failed to terminate session: status {status} {reason}")


def _post(url: str, headers: Mapping[str, str], attempts: int, timeout_s: int) -> tuple[int, str, bytes]:
    """(status, its words, body). Asks again after an answer of 500 or more, as long as there are attempts.

    Raises ConnectionError when there is no answer.
    """
    from http.client import HTTPException
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    for attempt in range(attempts):
        connection = _connection(parts.scheme, parts.hostname or "", parts.port, timeout_s)
        try:
            connection.request("POST", parts.path, headers={"Host": parts.netloc, **headers})
            answer = connection.getresponse()
            said = answer.status, answer.reason, answer.read()
        except (OSError, HTTPException) as error:
            from ..errors import ConnectionError as NotReached

            raise NotReached(f"{parts.netloc} can't be reached: {error}.") from None
        finally:
            connection.close()
        if said[0] < 500 or attempt == attempts - 1:
            break
        time.sleep(PAUSE_S * 2**attempt)
    return said


def _connection(scheme: str, host: str, port: int | None, timeout_s: int) -> HTTPConnection:
    """Names beneath `localhost` are this machine (RFC 6761), whatever the resolver thinks of them."""
    from http.client import HTTPConnection, HTTPSConnection

    kind = HTTPSConnection if scheme == "https" else HTTPConnection
    return kind("127.0.0.1" if host.endswith(".localhost") and scheme == "http" else host, port, timeout=timeout_s)


def _failed(message: str) -> Exception:
    from ..errors import ExecutionError

    return ExecutionError(message)
