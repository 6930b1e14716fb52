"""Each route: what it answers, to whom, and what it says when it refuses."""

from __future__ import annotations

import base64
import errno
import hashlib
import logging
from typing import Any

import pytest
from fastapi import FastAPI

from homeport import errors
from homeport.api import limits
from homeport.api.rules import RULES
from homeport.control.requests import DeployRequest, LogQuery
from homeport.core.model import Strategy
from homeport.manifest import codec
from homeport.manifest.schema import AppManifest

from . import fakes
from .client import Client, pieces
from .fakes import FakePlatform

MANIFEST = AppManifest("hello")
DEPLOY: dict[str, Any] = {"manifest": codec.to_json(MANIFEST), "request_id": "r1"}


@pytest.mark.parametrize(
    ("route", "asked", "answer"),
    [
        ("GET /status", ("status",), fakes.STATUS),
        ("GET /apps", ("apps", "main"), {"apps": [fakes.SUMMARY]}),
        ("GET /apps?environment=dev", ("apps", "dev"), {"apps": [fakes.SUMMARY]}),
        ("GET /apps/hello.x", ("app_info", "hello.x", "main"), fakes.INFO),
        ("GET /apps/hello/history?environment=dev", ("history", "hello", "dev"), {"history": [fakes.HISTORY]}),
        (
            "POST /apps/hello/stop",
            ("stop_app", "hello", "main", "admin"),
            {"app_id": fakes.APP_ID, "containers_ended": 2, "requests_cut": 0},
        ),
        ("GET /apps/hello/tags?environment=dev", ("app_tags", "hello", "dev"), {"tags": {"team": "blue"}}),
        ("GET /audit", ("audit", 100), {"audit": [fakes.ACT]}),
        ("GET /audit?limit=3", ("audit", 3), {"audit": [fakes.ACT]}),
        ("GET /audit/verify", ("verify_audit",), fakes.VERDICT),
        ("GET /containers", ("containers", None, "main", False), {"containers": [fakes.CONTAINER]}),
        ("GET /containers?app=hello&all=true", ("containers", "hello", "main", True), {"containers": [fakes.CONTAINER]}),
        (
            "POST /containers/co-1/stop",
            ("stop_container", "co-1", "admin"),
            {"container_id": "co-1", "state": "ended", "requests_cut": 1},
        ),
        ("GET /servers/fu-1", ("server_by_id", "fu-1"), fakes.SERVER),
        ("GET /servers/hello/web", ("server_info", "hello", "web", "main"), fakes.SERVER),
    ],
)
def test_a_route_asks_the_platform_and_passes_on_its_answer(
    client: Client, platform: FakePlatform, route: str, asked: tuple[Any, ...], answer: Any
) -> None:
    method, path = route.split()
    response = client.request(method, f"/v1{path}")
    assert (response.status_code, response.json()) == (200, answer)
    assert platform.asked == [asked]


def test_health_needs_no_token_and_asks_nobody(app: FastAPI, platform: FakePlatform) -> None:
    platform.fails = RuntimeError()
    response = Client(app).get("/v1/health")
    assert (response.status_code, response.json()["ok"]) == (200, True)
    assert response.json()["version"] == app.version


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "needs a token"),
        ("Bearer", "needs a token"),
        ("Basic abc.def", "not of the form"),
        ("Bearer ak-x", "not of the form"),
        ("Bearer ak-x.as-y", "not valid"),
        ("Bearer \xe9.\xe9", "not valid"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/status", "/v1/openapi.json", "/v1/nothing", "/", "/v1/health/"])
def test_without_a_good_token_every_path_is_closed(
    app: FastAPI, platform: FakePlatform, path: str, header: str | None, words: str
) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    response = Client(app).get(path, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "auth"
    assert words in response.json()["error"]["message"]
    assert platform.asked == []


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/v1/apps/ap-0123456789abcdefghijkl", "homeport app info ap-0123456789abcdefghijkl\n"),
        ("/v1/apps/<script>", "homeport app list\n"),
        ("/", "homeport app list\n"),
    ],
)
def test_a_browser_without_a_token_is_told_which_command_shows_it(
    app: FastAPI, platform: FakePlatform, path: str, command: str
) -> None:
    response = Client(app).get(path, headers=BROWSER)
    assert (response.status_code, response.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert command in response.text
    assert "<script>" not in response.text
    assert platform.asked == []


def test_a_program_that_names_a_token_or_posts_gets_json_whatever_it_accepts(app: FastAPI) -> None:
    wrong = Client(app).get("/v1/status", headers={**BROWSER, "Authorization": "Bearer ak-x.as-y"})
    assert [wrong.json()["error"]["code"], Client(app).post("/v1/gc", headers=BROWSER).json()["error"]["code"]] == [
        "auth"
    ] * 2


def test_a_right_id_with_a_wrong_secret_is_refused_and_not_repeated(app: FastAPI, authorization: str) -> None:
    response = Client(app).get("/v1/status", headers={"Authorization": authorization[:-1] + "!"})
    assert response.status_code == 401
    assert authorization[-20:-1] not in response.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidError("m"), 400),
        (errors.UsageError("m"), 400),
        (errors.AuthError("m"), 401),
        (errors.PermissionDeniedError("m"), 403),
        (errors.NotFoundError("m"), 404),
        (errors.ConflictError("m"), 409),
        (errors.AlreadyExistsError("m"), 409),
        (errors.ResourceExhaustedError("m"), 413),
        (errors.DeployError("m"), 500),
        (errors.ImageBuildError("m"), 500),
        (errors.PlatformError("m"), 500),
        (errors.Error("m"), 500),
    ],
)
@pytest.mark.parametrize("path", ["/v1/status", "/v1/apps/x/logs"])
def test_an_error_has_its_status_code_and_words(
    client: Client, platform: FakePlatform, error: errors.Error, status: int, path: str
) -> None:
    platform.fails = error
    response = client.get(path)
    assert (response.status_code, response.json()) == (status, {"error": {"code": error.code, "message": "m"}})


def test_a_full_disk_is_507(client: Client, platform: FakePlatform) -> None:
    platform.fails = OSError(errno.ENOSPC, "No space left on device", "/secret/path")
    response = client.post("/v1/apps/hello/stop")
    assert (response.status_code, response.json()["error"]["code"]) == (507, "resource_exhausted")
    assert response.json()["error"]["message"].startswith("disk full")


def test_what_nobody_expected_gets_an_id_that_the_log_has_too(
    client: Client, platform: FakePlatform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.fails = RuntimeError("secret detail")
    with caplog.at_level(logging.ERROR):
        response = client.get("/v1/status")
    assert response.status_code == 500
    assert "secret detail" not in response.text
    incident = response.json()["error"]["message"].rsplit(" ", 1)[1].rstrip(".")
    (line,) = [record for record in caplog.records if record.name == "homeport.api.problems"]
    assert incident in line.getMessage()
    assert line.exc_info is not None


def test_an_answer_that_breaks_the_contract_is_our_failure_and_not_passed_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(fakes.SUMMARY, "state")
    response = client.get("/v1/apps")
    assert (response.status_code, response.json()["error"]["code"]) == (500, "error")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [("GET", "/v1/nothing", 404, "There is no GET /v1/nothing"), ("DELETE", "/v1/apps", 405, "Method Not Allowed")],
)
def test_what_is_no_route_is_told_in_our_form(client: Client, method: str, path: str, status: int, words: str) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert words in response.json()["error"]["message"]


def test_a_deployment_reaches_the_platform_whole(client: Client, platform: FakePlatform) -> None:
    body = {
        **DEPLOY,
        "strategy": "recreate",
        "environment": "dev",
        "tag": "v1",
        "client_version": "0.1",
        "commit": {"dirty": True},
    }
    response = client.post("/v1/deployments?wait=true", json=body)
    assert response.status_code == 200
    wanted = DeployRequest(MANIFEST, Strategy.RECREATE, "dev", "r1", "admin", "v1", "0.1", {"dirty": True})
    assert platform.asked == [("deploy", wanted, True)]


def test_a_deployment_has_the_documented_defaults(client: Client, platform: FakePlatform) -> None:
    client.post("/v1/deployments", json=DEPLOY)
    assert platform.asked == [("deploy", DeployRequest(MANIFEST, Strategy.ROLLING, "main", "r1", "admin"), False)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strategy": "blue"}, "Deployment strategy must be 'rolling' or 'recreate', not 'blue'"),
        ({"tag": "a b"}, "a b"),
        ({"environment": "a/b"}, "Environment"),
        ({"request_id": ""}, "request_id: "),
        ({"request_id": 7}, "request_id: "),
        ({"mainfest": 1}, "mainfest: "),
        ({"manifest": None}, "manifest: "),
        ({"manifest": {}}, "schema"),
        ({"manifest": {"schema": 2, "name": "a/b"}}, "a/b"),
        ({"manifest": {"schema": 2, "name": "a", "x": 1}}, "'x'"),
    ],
)
def test_a_deployment_that_is_not_valid_is_refused_by_its_field(
    client: Client, platform: FakePlatform, change: dict[str, Any], words: str
) -> None:
    response = client.post("/v1/deployments", json=DEPLOY | change)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid")
    assert words in response.json()["error"]["message"]
    assert platform.asked == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'"x"'])
def test_a_body_that_is_no_json_object_is_refused(client: Client, content: bytes) -> None:
    response = client.post("/v1/deployments", content=content, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused(
    client: Client, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    big = b'"' + b"x" * (limits.BODY_BYTES_MAX + 1) + b'"'
    content = big if announced else pieces(big[:1000], big[1000:])
    response = client.post("/v1/deployments", content=content, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "resource_exhausted")


def test_logs_are_asked_for_with_all_parameters(client: Client, platform: FakePlatform) -> None:
    parameters = "follow=true&tail=5&since=2026-01-01T00:00:00Z&until=2026-01-01T01:00:00%2B01:00&source=stderr&search=x"
    client.get(f"/v1/apps/hello/logs?{parameters}&container=co-1&environment=dev&function=fu-1")
    client.get("/v1/containers/co-2/logs")
    full = LogQuery("dev", "hello", "co-1", True, 5, 1_767_225_600_000, 1_767_225_600_000, "stderr", "x", "fu-1")
    assert platform.asked == [("logs", full), ("logs", LogQuery("main", None, "co-2"))]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("source=x", "Invalid source: 'x'. Must be 'stdout', 'stderr', or 'system'."),
        ("tail=20001", "tail: "),
        ("tail=-1", "tail: "),
        ("since=yesterday", "since: 'yesterday' is not a time"),
        ("follow=perhaps", "follow: "),
    ],
)
def test_parameters_of_logs_that_can_not_be_are_named(client: Client, parameters: str, words: str) -> None:
    response = client.get(f"/v1/apps/hello/logs?{parameters}")
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]


def test_a_command_reaches_its_container_with_its_input(client: Client, platform: FakePlatform) -> None:
    stdin = base64.b64encode(b"\x00in").decode()
    assert client.post("/v1/containers/co-1/exec", json={"argv": ["ls", "-l"], "stdin": stdin}).status_code == 200
    assert client.post("/v1/containers/co-1/exec", json={"argv": ["ls"], "stdin": None}).status_code == 200
    assert platform.asked == [("exec", "co-1", ("ls", "-l"), b"\x00in"), ("exec", "co-1", ("ls",), None)]
    assert client.post("/v1/containers/co-1/exec", json={"argv": []}).status_code == 400
    assert client.post("/v1/containers/co-1/exec", json={"argv": ["a"], "stdin": "%"}).status_code == 400


def test_a_blob_is_missing_until_it_was_uploaded(client: Client, platform: FakePlatform) -> None:
    content = b"x" * 3_000_000
    digest = hashlib.sha256(content).hexdigest()
    assert client.post("/v1/blobs/missing", json={"digests": [digest]}).json() == {"missing": [digest]}
    response = client.put(f"/v1/blobs/{digest}", content=pieces(content[:10], content[10:]))
    assert (response.status_code, response.content) == (204, b"")
    assert client.post("/v1/blobs/missing", json={"digests": [digest]}).json() == {"missing": []}
    assert platform.blobs.read(digest) == content


def test_a_blob_with_another_content_is_refused(client: Client, platform: FakePlatform) -> None:
    digest = hashlib.sha256(b"this").hexdigest()
    response = client.put(f"/v1/blobs/{digest}", content=b"that")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid")
    assert platform.blobs.missing([digest]) == [digest]
    assert client.put("/v1/blobs/xyz", content=b"").status_code == 400


def test_the_openapi_document_has_every_route_and_its_errors(client: Client) -> None:
    document = client.get("/v1/openapi.json").json()
    routes = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    ruled = {(method, path) for method, path in (route.split() for route in RULES)}
    assert routes - ruled == {("GET", "/v1/health")}, "each other one needs a line in the table of `api.rules`"
    assert ruled - routes == {("GET", "/metrics")}, "there is no such route"  # that one is no part of the API
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert {"400", "401", "403", "404", "409", "413", "500", "507"} <= operation["responses"].keys()
            assert "422" not in operation["responses"]
            assert ("security" in operation) == (path != "/v1/health")
    streams = document["paths"]["/v1/apps/{app}/logs"]["get"]["responses"]["200"]["content"]
    assert list(streams) == ["text/event-stream"]


@pytest.mark.parametrize(("path", "end"), [("/v1/deployments", "is too large to deploy"), ("/v1/apps", "bytes.")])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: Client, path: str, end: str) -> None:
    response = client.post(path, content=b" " * (limits.BODY_BYTES_MAX + 1))
    assert response.status_code == 413
    assert response.json()["error"]["message"].endswith(end)
