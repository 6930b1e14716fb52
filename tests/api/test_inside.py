"""What containers are served: what they may use, in their own environment, and nothing else."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.test_objects import House
from homeport.api.inside import create_inside_app
from homeport.control.identity import Caller

from .client import Client
from .fakes import APP_ID, FakePlatform

KEY, VALUE = (base64.b64encode(pickle.dumps(text)).decode() for text in ("key", "value"))
GOOD = {"Authorization": "Bearer good"}


class Gate:
    """Lets one container in, which is in `main`."""

    def __init__(self) -> None:
        self.environments = {APP_ID: "main"}

    def caller(self, token: str) -> Caller | None:
        return Caller("ta-1", APP_ID, "main") if token == "good" else None

    def environment_of(self, app_id: str) -> str | None:
        return self.environments.get(app_id)


@pytest.fixture
def house(platform: FakePlatform, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    for name in ("objects", "dicts", "queues"):
        setattr(platform, name, getattr(made, name))
    yield made
    made.objects.close()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def inside(platform: FakePlatform, house: House, gate: Gate) -> Client:
    return Client(create_inside_app(platform, gate), GOOD)


@pytest.mark.parametrize("header", [None, "Bearer bad", "Basic good", "good", "Bearer"])
def test_without_a_good_token_there_is_nothing(inside: Client, header: str | None) -> None:
    inside._headers = {"Authorization": header} if header else {}
    refused = inside.get("/v1/whoami")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "auth")
    assert inside.post("/v1/dicts/resolve", json={"name": "x"}).status_code == 401


def test_a_container_is_told_who_it_is(inside: Client) -> None:
    assert inside.get("/v1/whoami").json() == {"container_id": "ta-1", "app_id": APP_ID, "environment": "main"}


@pytest.mark.parametrize(
    "route",
    ["/apps", "/status", "/health", "/secrets", "/environments", "/containers", "/audit", "/openapi.json", "/blobs/missing"],
)
def test_what_people_may_is_not_there(inside: Client, route: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT"):
        assert inside.request(method, f"/v1{route}").status_code == 404


def test_another_environment_is_out_of_reach_however_it_is_named(inside: Client) -> None:
    asked = [
        inside.get("/v1/dicts?environment=dev"),
        inside.get("/v1/dicts?environment=main&environment=dev"),
        inside.post("/v1/dicts?environment=dev", json={"name": "x"}),
        inside.post("/v1/queues/resolve", json={"name": "x", "environment": "dev"}),
        inside.post("/v1/queues", json={"name": "x", "environment": "dev"}),
        inside.get("/v1/servers/shop/web?environment=dev"),
    ]
    assert {answer.status_code for answer in asked} == {403}
    assert all("its own environment 'main' only" in answer.json()["error"]["message"] for answer in asked)


def test_a_server_is_found_in_the_container_s_environment_only(inside: Client, platform: FakePlatform, gate: Gate) -> None:
    assert inside.get("/v1/servers/shop/web").status_code == 200
    assert platform.asked[-1] == ("server_info", "shop", "web", "main")
    assert inside.get("/v1/servers/fu-1").status_code == 200
    gate.environments[APP_ID] = "dev"
    assert inside.get(f"/v1/servers/{APP_ID}/web").status_code == 404
    assert inside.get("/v1/servers/fu-1").status_code == 404


def test_a_dict_from_making_to_deleting(inside: Client) -> None:
    dict_id = inside.post("/v1/dicts/resolve", json={"name": "d", "create_if_missing": True}).json()["object_id"]
    at = f"/v1/dicts/{dict_id}"
    assert inside.post(f"{at}/put", json={"entries": [[KEY, VALUE]]}).json() == {"written": 1}
    assert inside.post(f"{at}/put", json={"entries": [[KEY, KEY]], "skip_if_exists": True}).json() == {"written": 0}
    assert inside.post(f"{at}/get", json={"key": KEY}).json() == {"found": True, "value": VALUE, "large": False}
    assert inside.get(f"{at}/entries").json() == {"entries": [[KEY, VALUE]], "after": None}
    assert inside.get(f"{at}/len").json() == {"length": 1}
    assert inside.get(f"{at}/content?key={KEY}").content == base64.b64decode(VALUE)
    assert inside.post(f"{at}/pop", json={"key": KEY}).json()["value"] == VALUE
    assert inside.post(f"{at}/get", json={"key": KEY}).json()["found"] is False
    assert inside.get(f"{at}/content?key={KEY}").status_code == 404
    assert inside.post(f"{at}/get", json={"key": "not base64!"}).json()["error"]["message"] == "key: it must be base64."
    assert inside.get(at).json()["created_by"] == "ta-1"
    assert inside.request("DELETE", at).json() == {"object_id": dict_id}
    assert inside.get(f"{at}/len").status_code == 404


def test_a_large_value_is_uploaded_and_read_by_itself(inside: Client) -> None:
    dict_id = inside.post("/v1/dicts", json={"name": "d"}).json()["object_id"]
    value, at = b"x" * (5 << 20), f"/v1/dicts/{dict_id}"
    assert inside.put(f"{at}/uploads/{'a' * 32}", content=value).status_code == 204
    assert inside.post(f"{at}/put", json={"entries": [[KEY, ""]], "upload": "a" * 32}).json() == {"written": 1}
    assert inside.post(f"{at}/get", json={"key": KEY}).json() == {"found": True, "value": None, "large": True}
    assert inside.get(f"{at}/content?key={KEY}").content == value
    wrong = {"entries": [[KEY, ""], [VALUE, ""]], "upload": "a" * 32}
    assert inside.post(f"{at}/put", json=wrong).status_code == 400


def test_a_queue_from_put_to_get(inside: Client) -> None:
    at = f"/v1/queues/{inside.post('/v1/queues', json={'name': 'q'}).json()['object_id']}"
    assert inside.post(f"{at}/put", json={"values": [KEY, VALUE]}).json() == {"accepted": True}
    seen = inside.post(f"{at}/peek", json={"count": 5}).json()
    assert seen["values"] == [KEY, VALUE]
    assert inside.post(f"{at}/peek", json={"count": 5, "after": seen["after"]}).json() == {
        "values": [],
        "after": seen["after"],
    }
    assert inside.post(f"{at}/get", json={}).json() == {"values": [KEY]}
    assert inside.get(f"{at}/len?total=true").json() == {"length": 1}
    assert inside.post(f"{at}/clear", json={"everything": True}).status_code == 204
    assert inside.post(f"{at}/get", json={"wait_ms": 0}).json() == {"values": []}
    assert inside.post(f"{at}/get", json={"count": 0}).status_code == 400
