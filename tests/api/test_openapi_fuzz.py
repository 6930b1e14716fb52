"""The OpenAPI document as a promise: whatever is sent that it allows, nothing but what it declares comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.people import People
from control.plant import Plant
from homeport.api.app import create_app
from homeport.api.rules import RULES

from .test_access_routes import PeoplePlatform
from .test_environment_routes import FakeCollector

schemathesis = pytest.importorskip("schemathesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402 - after the skip

EXAMPLES = 8  # for each of the routes


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of a platform with real members, tokens and environments, asked as its admin."""
    root: Path = tmp_path_factory.mktemp("fuzz")
    plant = Plant(root / "plant")
    people = People(plant)
    platform = PeoplePlatform(root, people)
    platform.collector = FakeCollector()
    token = people.admins.ensure_admin()
    headers = {"Authorization": f"Bearer {token.token_id}.{token.secret}"}
    loaded = schemathesis.openapi.from_asgi(
        "/v1/openapi.json", create_app(platform, people.admins, people.members), headers=headers
    )
    loaded.config.update(headers=headers)
    yield loaded
    plant.database.close()


def test_nothing_that_is_sent_fails_in_a_way_that_is_not_declared(document: Any) -> None:
    operations = [result.ok() for result in document.get_all_operations()]
    assert len(operations) == len(RULES) + 1  # and GET /v1/health
    for operation in operations:
        _play(operation)


def _play(operation: Any) -> None:
    declared = operation.definition.raw["responses"]

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        response = case.call(headers=case.headers)
        assert response.status_code < 500, (operation.label, response.status_code, response.text)
        assert str(response.status_code) in declared, (operation.label, response.status_code, response.text)

    check()
