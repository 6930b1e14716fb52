"""The routes of Secrets: values go in, and in no answer come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from control.plant import Plant

from .client import Client
from .fakes import FakePlatform

VALUE = "correct-horse-battery"
BODY = {"name": "api", "environment": "main", "values": {"TOKEN": VALUE}}


@pytest.fixture
def secrets(platform: FakePlatform, tmp_path: Path) -> None:
    platform.secrets = Plant(tmp_path).secrets  # type: ignore[attr-defined]  # only these routes use it


@pytest.mark.usefixtures("secrets")
def test_the_life_of_a_secret(client: Client) -> None:
    made = client.post("/v1/secrets", json=BODY).json()
    assert (made["name"], made["keys"], made["created_by"]) == ("api", ["TOKEN"], "admin")
    assert client.post("/v1/secrets", json=BODY).status_code == 409
    assert client.post("/v1/secrets", json={**BODY, "overwrite": True}).json()["secret_id"] == made["secret_id"]
    changed = client.request("PATCH", "/v1/secrets/api", json={"values": {"B": "2"}})
    assert changed.json()["keys"] == ["B", "TOKEN"]
    listed = client.get("/v1/secrets").json()["secrets"]
    assert [line["keys"] for line in listed] == [["B", "TOKEN"]]
    resolved = client.post("/v1/secrets/resolve", json={"name": "api", "required_keys": ["B"]})
    assert resolved.json() == {"secret_id": made["secret_id"]}
    assert client.post("/v1/secrets/resolve", json={"name": "api", "required_keys": ["C"]}).status_code == 404
    assert client.post("/v1/secrets/rotate-key").json()["secrets"] == 1
    assert client.request("DELETE", "/v1/secrets/api").json() == {"name": "api", "secret_id": made["secret_id"]}
    assert client.request("DELETE", "/v1/secrets/api").status_code == 404


@pytest.mark.usefixtures("secrets")
def test_values_are_kept_under_one_id_and_not_at_all_in_a_dry_run(client: Client, platform: FakePlatform) -> None:
    body = {"values": {"A": VALUE}, "environment": "main"}
    dry = client.post("/v1/secrets/values", json={**body, "dry_run": True}).json()["secret_id"]
    assert list(platform.secrets.unheld()) == []  # type: ignore[attr-defined]  # set by the fixture
    assert client.post("/v1/secrets/values", json=body).json()["secret_id"] == dry
    assert [secret_id for secret_id, _ in platform.secrets.unheld()] == [dry]  # type: ignore[attr-defined]  # as above


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(
    "body",
    [
        {**BODY, "values": {"TOKEN": [VALUE]}},
        {**BODY, "values": {"TO-KEN": VALUE}},
        {**BODY, "values": {"TOKEN": VALUE + "\0"}},
        {**BODY, "name": "a/b"},
        {**BODY, "values": VALUE},
        {**BODY, "value": VALUE},
    ],
)
def test_no_refusal_repeats_a_value(client: Client, body: dict[str, object]) -> None:
    refused = client.post("/v1/secrets", json=body)
    assert refused.status_code == 400
    assert VALUE not in refused.text
