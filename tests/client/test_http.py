"""Each call of the client as it goes over the wire, and what becomes of failures."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from homeport import errors
from homeport.client import blobs
from homeport.client.config import Target
from homeport.client.http import Client

TARGET = Target("http://127.0.0.1:7300", "ak-1", "as-1", "the test")
Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> Client:
    return Client(TARGET, httpx.MockTransport(handler))


def answering(status: int, body: object, seen: list[httpx.Request] | None = None) -> Client:
    def handler(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(status, json=body)

    return client(handler)


def streaming(*chunks: bytes, seen: list[httpx.Request] | None = None) -> Client:
    def handler(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(200, content=iter(chunks))

    return client(handler)


@pytest.mark.parametrize(
    ("call", "method", "url"),
    [
        (lambda c: c.health(), "GET", "/v1/health"),
        (lambda c: c.status(), "GET", "/v1/status"),
        (lambda c: c.apps("main"), "GET", "/v1/apps?environment=main"),
        (lambda c: c.app("a/b c", "dev"), "GET", "/v1/apps/a%2Fb%20c?environment=dev"),
        (lambda c: c.history("x", "main"), "GET", "/v1/apps/x/history?environment=main"),
        (lambda c: c.stop_app("x", "main"), "POST", "/v1/apps/x/stop?environment=main"),
        (lambda c: c.containers("main"), "GET", "/v1/containers?environment=main"),
        (lambda c: c.containers("main", "x", True), "GET", "/v1/containers?environment=main&app=x&all=true"),
        (lambda c: c.stop_container("ta-1"), "POST", "/v1/containers/ta-1/stop"),
        (lambda c: c.server("x", "Server", "main"), "GET", "/v1/servers/x/Server?environment=main"),
    ],
)
def test_each_call_goes_where_the_api_has_it(call: Callable[[Client], object], method: str, url: str) -> None:
    seen: list[httpx.Request] = []
    call(answering(200, {"apps": [], "history": [], "containers": []}, seen))
    assert (seen[0].method, str(seen[0].url)) == (method, f"http://127.0.0.1:7300{url}")
    assert seen[0].headers["authorization"] == "Bearer ak-1.as-1"


@pytest.mark.parametrize("verb", ["rollover", "rollback"])
def test_a_version_once_more_is_asked_for_by_name_and_environment(verb: str) -> None:
    seen: list[httpx.Request] = []
    told = b'event: published\ndata: {"noop": false}\n\nevent: settled\ndata: {}\n\n'
    call = getattr(streaming(told, seen=seen), verb)
    assert [event.name for event in call("a/b", "dev", {"request_id": "r1"}, True)] == ["published", "settled"]
    assert (seen[0].method, seen[0].url.raw_path) == ("POST", f"/v1/apps/a%2Fb/{verb}?environment=dev&wait=true".encode())
    assert json.loads(seen[0].content) == {"request_id": "r1"}


def test_missing_blobs_are_asked_for_at_once() -> None:
    seen: list[httpx.Request] = []
    assert blobs.missing(answering(200, {"missing": ["b"]}, seen), ["a", "b"]) == ["b"]
    assert json.loads(seen[0].content) == {"digests": ["a", "b"]}


def test_very_many_blobs_are_asked_for_in_batches() -> None:
    seen: list[httpx.Request] = []
    assert blobs.missing(answering(200, {"missing": ["x"]}, seen), map(str, range(100_001))) == ["x", "x"]
    assert [len(json.loads(request.content)["digests"]) for request in seen] == [100_000, 1]


def test_a_blob_is_sent_as_raw_bytes_with_its_length() -> None:
    seen: list[httpx.Request] = []
    blobs.put(answering(204, None, seen), "ab" * 32, iter([b"abc", b"def"]), 6, None)
    assert seen[0].method == "PUT"
    assert seen[0].headers["content-length"] == "6"
    assert seen[0].content == b"abcdef"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid", errors.InvalidError),
        (403, "permission_denied", errors.PermissionDeniedError),
        (404, "not_found", errors.NotFoundError),
        (409, "conflict", errors.ConflictError),
        (413, "resource_exhausted", errors.ResourceExhaustedError),
        (507, "resource_exhausted", errors.ResourceExhaustedError),
        (500, "image_build", errors.ImageBuildError),
        (500, "who_knows", errors.Error),
    ],
)
def test_an_error_of_the_api_becomes_that_error(status: int, code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"It is so\.") as caught:
        answering(status, {"error": {"code": code, "message": "It is so."}}).apps("main")
    assert type(caught.value) is kind


def test_a_token_that_is_not_accepted_is_named_with_where_it_came_from() -> None:
    with pytest.raises(errors.AuthError, match="does not accept the token ak-1 from the test") as caught:
        answering(401, {"error": {"code": "auth", "message": "Unknown token."}}).apps("main")
    assert "as-1" not in str(caught.value)


@pytest.mark.parametrize("body", ["<html>not found</html>", '{"detail": "x"}', "[]"])
def test_something_else_on_the_port_is_recognised(body: str) -> None:
    for status in (200, 301, 404, 502):
        if status == 200 and body.startswith("{"):
            continue
        with pytest.raises(errors.ConnectionError, match="not as homeport does"):
            client(lambda _, status=status: httpx.Response(status, text=body)).health()  # type: ignore[misc]


def failing(error: Exception) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


def test_a_platform_that_is_down_says_what_to_try() -> None:
    with pytest.raises(
        errors.ConnectionError, match=r"Could not reach the platform at http://127\.0\.0\.1:7300.*homeport up"
    ):
        client(failing(httpx.ConnectError("Connection refused"))).apps("main")
    with pytest.raises(errors.ConnectionError, match="did not answer in time"):
        client(failing(httpx.ReadTimeout("slow"))).apps("main")
    with pytest.raises(errors.ConnectionError, match="was cut"):
        client(failing(httpx.RemoteProtocolError("peer closed"))).apps("main")


def test_a_deploy_waits_for_settled() -> None:
    chunks = [
        b'event: published\ndata: {"noop": false}\n\n',
        b'event: container\ndata: {"state": "ready"}\n\nevent: settled\ndata: {"state": "live"}\n\n',
    ]
    seen: list[httpx.Request] = []
    told = list(streaming(*chunks, seen=seen).deploy({"tag": "x"}, wait=True))
    assert [event.name for event in told] == ["published", "container", "settled"]
    assert seen[0].url.params["wait"] == "true"
    assert json.loads(seen[0].content) == {"tag": "x"}


def test_a_deploy_of_what_is_on_its_way_already_waits_for_settled_too() -> None:
    told = b'event: published\ndata: {"noop": true, "under_way": true}\n\nevent: settled\ndata: {"state": "failed"}\n\n'
    assert [event.name for event in streaming(told).deploy({}, wait=True)] == ["published", "settled"]
    assert [event.name for event in streaming(told).deploy({}, wait=False)] == ["published"]


@pytest.mark.parametrize(("noop", "wait"), [("true", True), ("false", False)])
def test_a_deploy_after_which_nothing_comes_ends_with_published(noop: str, wait: bool) -> None:
    told = streaming(b'event: published\ndata: {"noop": ' + noop.encode() + b"}\n\n").deploy({}, wait)
    assert [event.name for event in told] == ["published"]


def test_a_stream_that_breaks_says_so() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"event: log\ndata: {}\n\n"
        raise httpx.ReadError("reset")

    told = client(lambda _: httpx.Response(200, content=chunks())).app_logs("x", "main", {"follow": True, "tail": None})
    assert next(told).name == "log"
    with pytest.raises(errors.ConnectionError, match="was cut"):
        next(told)


def test_a_stream_that_is_refused_raises_the_reason() -> None:
    with pytest.raises(errors.NotFoundError, match="No container"):
        list(answering(404, {"error": {"code": "not_found", "message": "No container"}}).container_logs("ta-1", {}))


def test_exec_sends_its_input_encoded() -> None:
    seen: list[httpx.Request] = []
    told = streaming(b'event: exit\ndata: {"exit_code": 3}\n\n', seen=seen).exec_container("ta-1", ["cat"], b"\x00\xff")
    assert [event.data for event in told] == [{"exit_code": 3}]
    assert json.loads(seen[0].content) == {"argv": ["cat"], "stdin": "AP8="}


def test_a_company_proxy_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    with Client(TARGET) as made:
        assert made._http._mounts == {}
    with Client(Target("http://hp.example", "a", "b", "c")) as made:
        assert made._http._mounts != {}


@pytest.mark.parametrize(
    "call",
    [
        lambda c: list(c.deploy({"manifest": {"name": "x\udcff"}}, True)),
        lambda c: c.set_app_tags("x", "main", {"a": "\udcff"}),
        lambda c: c.apps("\udcff"),
    ],
)
def test_text_that_is_no_utf8_is_refused_and_not_shown(call: Callable[[Client], object]) -> None:
    with pytest.raises(errors.InvalidError, match="text that is not UTF-8"):
        call(answering(200, {"apps": []}))
