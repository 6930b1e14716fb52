"""`homeport curl` with a curl that tells what it was given, against a platform that answers from a table."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
SERVER = "GET /v1/servers/shop/web"
URL = "http://home--shop-web.us-east.localhost:8080"
CURL = """#!{python} -IS
import json, sys
assert sys.argv[1] == "--config"
print(json.dumps([open(sys.argv[2]).read(), *sys.argv[3:]]))
sys.exit(22)
"""


@pytest.fixture(autouse=True)
def _curl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: FakePlatform) -> None:
    program = tmp_path / "bin" / "curl"
    program.parent.mkdir()
    program.write_text(CURL.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    platform.answers[SERVER] = {"url": URL, "unauthenticated": True}


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEPORT_PROXY_TOKEN_ID", "wk-1")
    monkeypatch.setenv("HOMEPORT_PROXY_TOKEN_SECRET", "ws-1")


@pytest.mark.parametrize(
    ("ref", "url"),
    [
        ("shop/web", f"{URL}/"),
        ("shop/web/", f"{URL}/"),
        ("shop/web/a/b?x=/y", f"{URL}/a/b?x=/y"),
        ("shop/web?x=1", f"{URL}/?x=1"),
    ],
)
def test_a_server_is_asked_by_its_name_and_curls_code_is_ours(cli: Cli, ref: str, url: str) -> None:
    result = cli("curl", ref)
    assert (result.code, result.json, result.err) == (22, ["", url], "")


def test_a_server_is_asked_by_its_id_too(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/servers/fu-1"] = {"app_id": "shop", "server_name": "web", "object_id": "fu-1"}
    assert cli("curl", "fu-1/a?b").json == ["", f"{URL}/a?b"]


def test_everything_after_the_server_is_curls(cli: Cli, platform: FakePlatform) -> None:
    options = ["-e", "referer", "--json", "{}", "-X", "POST", "--help", "--", "-x"]
    assert cli("curl", "-e", "dev", "shop/web", *options).json[2:] == options[:-2] + options[-2:]
    assert platform.asked[0].query == {"environment": "dev"}


def test_a_server_that_wants_a_proxy_token_gets_it_and_nobody_sees_it(cli: Cli, platform: FakePlatform, token: None) -> None:
    platform.answers[SERVER] = {"url": URL, "unauthenticated": False}
    config, *argv = cli("curl", "shop/web", "-s").json
    assert config == 'header = "Authorization: Bearer wk-1.ws-1"\n'
    assert argv == [f"{URL}/", "-s"]


def test_a_server_without_authentication_gets_no_token(cli: Cli, token: None) -> None:
    assert cli("curl", "shop/web").json[0] == ""


def test_a_token_that_is_missing_is_said_and_curl_is_run(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[SERVER] = {"url": URL, "unauthenticated": False}
    result = cli("curl", "shop/web")
    assert result.json == ["", f"{URL}/"]
    assert "shop/web wants a proxy token, and none is set: set HOMEPORT_PROXY_TOKEN_ID" in result.err


def test_what_is_no_server_is_refused(cli: Cli, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("shop", "https://example.org/x", "-s"):
        assert (cli("curl", wrong).code, platform.asked) == (2, [])
    assert "no route" in cli("curl", "shop/none").err.lower()
    monkeypatch.setenv("PATH", "")
    assert "curl is not installed here" in cli("curl", "shop/web").err
