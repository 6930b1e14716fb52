"""Where sessions begin: only the router gets there, and what it says of the client counts."""

from __future__ import annotations

from typing import Any

import pytest

from homeport.errors import ResourceExhaustedError

from .client import Client

SECRET = "of the router"
ROUTER = {"X-Homeport-Router": SECRET, "X-Homeport-Host": "web.localhost", "X-Homeport-Caller": "wk-ann"}
START = "/_modal/sessions/start"


class Sessions:
    full = False

    async def start(self, *asked: Any) -> tuple[str, str]:
        if self.full:
            raise ResourceExhaustedError("No container of web.localhost had room for a session; try again later.")
        self.asked = asked
        return "sd-1", "token"


@pytest.fixture
def sessions(platform: Any) -> Sessions:
    found = Sessions()
    platform.router_secret, platform.sessions = SECRET, found
    return found


def test_a_session_is_started_for_the_host_and_the_caller_that_the_router_names(client: Client, sessions: Sessions) -> None:
    said = client.post(START, headers={**ROUTER, "X-Modal-Server-Session-Idle-Timeout": "60", "X-Idempotency-Key": "k"})
    assert (said.status_code, said.json()) == (200, {"session_id": "sd-1", "token": "token"})
    assert sessions.asked == ("web.localhost", 60, "k", "wk-ann")


def test_no_room_is_a_503_after_which_clients_try_again(client: Client, sessions: Sessions) -> None:
    sessions.full = True
    said = client.post(START, headers=ROUTER)
    assert (said.status_code, said.headers["Retry-After"]) == (503, "5")
    assert "had room for a session" in said.json()["error"]["message"]


@pytest.mark.parametrize("shown", [{}, {"X-Homeport-Router": "a guess"}])
def test_nobody_else_gets_there(client: Client, sessions: Sessions, shown: dict[str, str]) -> None:
    assert client.post(START, headers={**ROUTER, "X-Homeport-Router": "", **shown}).status_code == 404
