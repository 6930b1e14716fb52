"""The OpenAPI document as a promise: whatever is sent that it allows, nothing but what it declares comes back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.api.app import create_app
from homeport.api.rules import RULES
from homeport.control.members import OWNER

from .workspace import Workspace

EXAMPLES = 12  # for each of the routes
THINGS: dict[str, str] = {}  # ids of what is there, by kind
REAL = {"name": "prod", "environment": "prod", "member": "ann", "app": "hello", "server": "web", "digest": "a" * 64}
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of a platform with real members, tokens and environments, asked as its admin."""
    root: Path = tmp_path_factory.mktemp("fuzz")
    platform = Workspace(root)
    people = platform.people
    people.members.create_user("ann", "member", OWNER)
    THINGS.update(platform.things)
    token = people.admins.ensure_admin()
    headers = {"Authorization": f"Bearer {token.token_id}.{token.secret}"}
    loaded = schemathesis.openapi.from_asgi(
        "/v1/openapi.json", create_app(platform, people.admins, people.members), headers=headers
    )
    loaded.config.update(headers=headers)
    yield loaded
    platform.close()


def test_nothing_that_is_sent_fails_in_a_way_that_is_not_declared(document: Any) -> None:
    operations = [result.ok() for result in document.get_all_operations()]
    assert len(operations) == sum("/v1/" in route for route in RULES) + 1  # and GET /v1/health
    for operation in operations:
        _play(operation)


def _play(operation: Any) -> None:
    declared = operation.definition.raw["responses"]

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), real=st.booleans())
    def check(case: Any, real: bool) -> None:
        if real:
            there = REAL | _ids(operation.path)
            case.path_parameters = {name: there.get(name, value) for name, value in (case.path_parameters or {}).items()}
            if isinstance(case.body, dict) and isinstance(case.body.get("name"), str):
                case.body["name"] = f"made-{next(NUMBERS)}"
        response = case.call()
        assert response.status_code < 500, (operation.label, response.status_code, response.text)
        assert str(response.status_code) in declared, (operation.label, response.status_code, response.text)

    check()


def _ids(path: str) -> dict[str, str]:
    return {"volume_id": THINGS["volume"], "object_id": THINGS["dict" if "/dicts" in path else "queue"]}
