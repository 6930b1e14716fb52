"""Plans, empty Apps and tags through the API: what the platform is asked, and what is refused by the name of its field."""

from __future__ import annotations

from typing import Any

import pytest

from homeport.control.requests import CreateRequest
from homeport.manifest import codec
from homeport.manifest.schema import AppManifest, Entry, ServerSpec
from homeport.manifest.tree import File, Tree

from . import fakes
from .client import Client
from .fakes import FakePlatform

SERVER = ServerSpec("web", Entry("app", "Web", "app.py"))
SOURCE = Tree((File("app.py", "a" * 64, 3),))
MANIFEST = AppManifest("hello", (SERVER,), SOURCE.digest)
DOCUMENT: dict[str, Any] = codec.to_json(MANIFEST)


def edited(**changes: Any) -> dict[str, Any]:
    """The manifest after somebody edited its Server by hand."""
    return {**DOCUMENT, "servers": [{**DOCUMENT["servers"][0], **changes}]}


def test_a_plan_is_asked_with_the_manifest_and_the_environment(client: Client, platform: FakePlatform) -> None:
    response = client.post(
        "/v1/deployments/plan", json={"manifest": DOCUMENT, "environment": "dev", "trees": [SOURCE.content.decode()]}
    )
    assert (response.status_code, response.json()) == (200, fakes.PLAN)
    ((what, request),) = platform.asked
    assert (what, request.manifest, request.environment, request.trees) == ("plan", MANIFEST, "dev", (SOURCE,))


def test_a_tree_that_leads_out_is_refused_in_a_plan(client: Client) -> None:
    tree = '{"entries":[["link","a","../x"]],"tree":1}'
    response = client.post("/v1/deployments/plan", json={"manifest": DOCUMENT, "trees": [tree]})
    assert (response.status_code, response.json()["error"]["message"]) == (400, "The link 'a' leads out of its tree.")


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (edited(port="8000"), "manifest.servers[0].port must be a whole number, not '8000'."),
        (edited(prot=8000), "manifest.servers[0] has the unknown field 'prot'; known are name, entry"),
        (edited(port=0), "Server 'web': Port must be a positive integer between 1 and 65535."),
        (edited(entry={"module": "app"}), "manifest.servers[0].entry lacks the field 'qualname'."),
        (edited(resources={"cpu_milli": -5}), "Server 'web': `cpu` must be positive."),
        (edited(env=[["A"]]), "manifest.servers[0].env[0] must have 2 items, not 1."),
        ({**DOCUMENT, "source": "../x"}, "The source '../x' is not the digest of a tree."),
        ({**DOCUMENT, "source": None}, "manifest.source must be text, not null."),
        ({**DOCUMENT, "schema": 99}, "Manifest has schema 99"),
        ({**DOCUMENT, "name": "a b"}, "Invalid App name: 'a b'."),
        ({**DOCUMENT, "tags": [["a", "x" * 64]]}, "App tag value"),
    ],
)
@pytest.mark.parametrize("route", ["/v1/deployments", "/v1/deployments/plan"])
def test_a_manifest_edited_by_hand_is_refused_by_the_field_that_is_wrong(
    client: Client, platform: FakePlatform, route: str, manifest: dict[str, Any], words: str
) -> None:
    body = {"manifest": manifest} if route.endswith("plan") else {"manifest": manifest, "request_id": "r"}
    response = client.post(route, json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid")
    assert words in response.json()["error"]["message"]
    assert platform.asked == []


def test_an_empty_app_is_made_by_name(client: Client, platform: FakePlatform) -> None:
    response = client.post("/v1/apps", json={"name": "hello", "request_id": "r1", "environment": "dev"})
    assert (response.status_code, response.json()) == (200, fakes.CREATED)
    assert platform.asked == [("create_app", CreateRequest("hello", "dev", "r1", "admin"))]


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "ap-" + "1" * 22])
def test_an_app_with_an_illegal_name_is_not_made(client: Client, platform: FakePlatform, name: str) -> None:
    response = client.post("/v1/apps", json={"name": name, "request_id": "r1"})
    assert response.status_code == 400
    assert "Invalid App name" in response.json()["error"]["message"]
    assert platform.asked == []


def test_tags_are_replaced_as_a_whole(client: Client, platform: FakePlatform) -> None:
    response = client.put("/v1/apps/hello/tags", json={"tags": {"team": "red"}})
    assert (response.status_code, response.json()) == (200, {"tags": {"team": "red"}})
    assert platform.asked == [("set_app_tags", "hello", "main", {"team": "red"}, "admin")]


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"a" * 64: "x"}, "App tag key"),
        ({"a": "x" * 64}, "App tag value"),
        ({"a": "x y"}, "App tag value 'x y' is invalid"),
        ({"": "x"}, "App tag key '' is invalid"),
        ({"a": 1}, "tags.a"),
        ({f"t{n}": "x" for n in range(101)}, "tags"),
    ],
)
def test_tags_that_are_not_legal_are_refused(
    client: Client, platform: FakePlatform, tags: dict[str, Any], words: str
) -> None:  # fmt: skip
    response = client.put("/v1/apps/hello/tags", json={"tags": tags})
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
    assert platform.asked == []


def test_nobody_lists_more_of_the_audit_log_than_fits(client: Client) -> None:
    assert client.get("/v1/audit?limit=10001").status_code == 400
    assert client.get("/v1/audit?limit=0").status_code == 400
