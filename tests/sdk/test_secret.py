"""`Secret` as people write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import homeport
from homeport.client.config import Target
from homeport.client.http import Client
from homeport.errors import AlreadyExistsError, InvalidError, NotFoundError
from homeport.manifest.schema import SecretRef
from homeport.sdk.secret import Secret

from .resolving import EverythingThere


class Web:
    @homeport.enter()
    def start(self) -> None: ...


class Kept(EverythingThere):
    """Remembers the values that it was to keep."""

    def __init__(self) -> None:
        self.values: list[dict[str, str]] = []

    def value_secret(self, values: Any) -> str:
        self.values.append(dict(values))
        return f"st-{len(self.values)}"


def values(secret: Secret) -> dict[str, str]:
    kept = Kept()
    assert secret._ref(kept) == SecretRef("st-1")
    return kept.values[0]


def test_a_dictionary_without_what_is_none() -> None:
    assert values(Secret.from_dict({"A": "1", "B": None, "C": ""})) == {"A": "1", "C": ""}
    assert values(Secret.from_dict()) == {}


@pytest.mark.parametrize("wrong", [{"A": 1}, {1: "A"}, ["A=1"], {"A-B": "x"}, {"A": b"x"}])
def test_what_is_no_dictionary_of_text_is_refused_where_it_is_written(wrong: Any) -> None:
    with pytest.raises(InvalidError):
        Secret.from_dict(wrong)


def test_local_variables_and_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "x")
    monkeypatch.delenv("MY_OTHER", raising=False)
    assert values(Secret.from_local_environ(["MY_TOKEN"])) == {"MY_TOKEN": "x"}
    with pytest.raises(InvalidError, match="Could not find local environment variable 'MY_OTHER'"):
        Secret.from_local_environ(["MY_TOKEN", "MY_OTHER"])


def test_a_dotenv_file_is_found_here_or_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / "other.env").write_text("A=2\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert values(Secret.from_dotenv()) == {"A": "1"}
    assert values(Secret.from_dotenv(str(tmp_path / "other.env"))) == {"A": "2"}
    assert values(Secret.from_dotenv(str(deep), filename="other.env")) == {"A": "2"}
    with pytest.raises(NotFoundError, match=r"no file nowhere\.env"):
        Secret.from_dotenv(filename="nowhere.env")


def test_inside_a_container_a_definition_reads_and_checks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODAL_IS_REMOTE", "1")
    assert repr(Secret.from_dotenv("/nowhere")) == "Secret with no keys"
    assert repr(Secret.from_local_environ(["NOT_SET"])) == "Secret with no keys"
    assert repr(Secret.from_dict({"A": 1})) == "Secret with no keys"  # type: ignore[dict-item]  # on purpose


def test_a_repr_tells_keys_and_no_value() -> None:
    assert repr(Secret.from_dict({"A": "correct-horse"})) == "Secret with A"


def test_a_named_one_asks_for_its_keys() -> None:
    ref = Secret.from_name("api", required_keys=["A"])._ref(EverythingThere())
    assert ref == SecretRef("st-api", "api", ("A",))


class Routes:
    """Answers like the platform, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answer = httpx.Response(200, json={"secret_id": "st-1"})

    def client(self) -> Client:
        return Client(Target("http://127.0.0.1:7300", "ak-1", "as-1", "the test", "dev"), httpx.MockTransport(self._serve))

    def _serve(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.method, request.url.raw_path.decode(), body))
        return self.answer


def test_update_sends_only_what_is_to_be_added() -> None:
    routes = Routes()
    Secret.from_name("api").update({"A": "1", "B": None}, client=routes.client())
    assert routes.asked == [("PATCH", "/v1/secrets/api?environment=dev", {"values": {"A": "1"}})]
    with pytest.raises(InvalidError, match="Only a Secret with a name"):
        Secret.from_dict({"A": "1"}).update({}, client=routes.client())


def test_objects_make_list_and_delete() -> None:
    routes = Routes()
    routes.answer = httpx.Response(200, json={"secrets": [{"name": "a"}, {"name": "b"}]})
    assert [repr(s) for s in Secret.objects.list(max_objects=1, client=routes.client())] == ["Secret.from_name('a')"]
    with pytest.raises(InvalidError, match="max_objects cannot be negative"):
        Secret.objects.list(max_objects=-1, client=routes.client())
    routes.answer = httpx.Response(409, json={"error": {"code": "already_exists", "message": "There is one."}})
    Secret.objects.create("a", {}, allow_existing=True, client=routes.client())
    with pytest.raises(AlreadyExistsError):
        Secret.objects.create("a", {}, client=routes.client())
    routes.answer = httpx.Response(404, json={"error": {"code": "not_found", "message": "There is none."}})
    Secret.objects.delete("a", allow_missing=True, client=routes.client())
    with pytest.raises(NotFoundError):
        Secret.objects.delete("a", client=routes.client())


def test_a_server_has_the_app_s_secrets_before_its_own() -> None:
    app = homeport.App("x", secrets=[Secret.from_dict({"A": "1"})])
    server = app.server(secrets=[Secret.from_name("b")])(Web)
    assert server._options is not None
    assert [ref.name for ref in server._options.resolved(EverythingThere()).secrets] == ["", "b"]
