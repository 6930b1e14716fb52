"""Which platform is talked to, and with whose token."""

import json
import os
from pathlib import Path

import pytest

from homeport.client import config
from homeport.client.config import Choice, Target, find
from homeport.errors import AuthError, ConnectionError, InvalidError, NotFoundError  # noqa: A004 - the public API's name for it

REMOTE = {"HOMEPORT_SERVER_URL": "https://hp.example.org/", "HOMEPORT_TOKEN_ID": "ak-1", "HOMEPORT_TOKEN_SECRET": "as-1"}
PROFILES = """
[work]
server_url = "https://work.example.org"
token_id = "ak-work"
token_secret = "as-work"
environment = "dev"
active = true

[other]
server_url = "https://other.example.org"
token_id = "ak-other"
token_secret = "as-other"
"""


@pytest.fixture(autouse=True)
def _no_platform_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "DEFAULT_DATA_DIR", tmp_path / "default")


def platform(data_dir: Path, port: int = 7300) -> Path:
    for folder in ("run", "keys"):
        (data_dir / folder).mkdir(parents=True)
    (data_dir / "run/platform.json").write_text(json.dumps({"api_url": f"http://127.0.0.1:{port}", "pid": 1}))
    (data_dir / "keys/admin-token.json").write_text(json.dumps({"token_id": "ak-admin", "token_secret": "as-admin"}))
    return data_dir


def profiles(home: Path, text: str = PROFILES, mode: int = 0o600) -> Path:
    file = home / ".homeport.toml"
    file.write_text(text)
    file.chmod(mode)
    return file


def found(home: Path, environ: dict[str, str] | None = None, **choice: object) -> Target:
    return find(Choice(**choice), environ or {}, home)  # type: ignore[arg-type]


def test_the_environment_names_a_platform(tmp_path: Path) -> None:
    target = found(tmp_path, REMOTE)
    assert (target.server_url, target.token_id, target.token_secret) == ("https://hp.example.org", "ak-1", "as-1")
    assert target.environment == "main"


def test_the_active_profile_is_used_and_another_one_on_request(tmp_path: Path) -> None:
    profiles(tmp_path)
    assert found(tmp_path).server_url == "https://work.example.org"
    assert found(tmp_path).environment == "dev"
    assert found(tmp_path, profile="other").token_id == "ak-other"
    assert found(tmp_path, {"HOMEPORT_PROFILE": "other"}).token_id == "ak-other"


def test_the_platform_of_this_machine_is_found_by_itself(tmp_path: Path) -> None:
    platform(tmp_path / "default")
    target = found(tmp_path)
    assert (target.server_url, target.token_id) == ("http://127.0.0.1:7300", "ak-admin")
    assert target.token_origin.endswith("keys/admin-token.json")


def test_each_place_goes_before_the_next(tmp_path: Path) -> None:
    profiles(tmp_path)
    platform(tmp_path / "default")
    one, two = platform(tmp_path / "one", 1), platform(tmp_path / "two", 2)
    both = {**REMOTE, "HOMEPORT_DATA_DIR": str(two)}
    assert found(tmp_path, both, data_dir=one).server_url == "http://127.0.0.1:1"
    assert found(tmp_path, both).server_url == "https://hp.example.org"
    assert found(tmp_path, {"HOMEPORT_DATA_DIR": str(two), "HOMEPORT_PROFILE": "other"}).token_id == "ak-other"
    assert found(tmp_path, {"HOMEPORT_DATA_DIR": str(two)}).server_url == "http://127.0.0.1:2"
    assert found(tmp_path).token_id == "ak-work"


def test_the_environment_to_deploy_to_comes_from_the_command_line_first(tmp_path: Path) -> None:
    profiles(tmp_path)
    assert found(tmp_path, {"HOMEPORT_ENVIRONMENT": "test"}).environment == "test"
    assert found(tmp_path, {"HOMEPORT_ENVIRONMENT": "test"}, environment="prod").environment == "prod"


def test_a_token_is_never_sent_to_a_server_from_another_place(tmp_path: Path) -> None:
    profiles(tmp_path)
    platform(tmp_path / "default")
    with pytest.raises(AuthError, match=r"no token for https://evil\.example"):
        found(tmp_path, {"HOMEPORT_SERVER_URL": "https://evil.example"})


def test_a_token_of_this_call_goes_to_the_platform_that_is_found(tmp_path: Path) -> None:
    data_dir = platform(tmp_path / "one")
    (data_dir / "keys/admin-token.json").unlink()
    token = {"HOMEPORT_TOKEN_ID": "ak-2", "HOMEPORT_TOKEN_SECRET": "as-2"}
    target = found(tmp_path, token, data_dir=data_dir)
    assert (target.token_id, target.token_origin) == ("ak-2", "HOMEPORT_TOKEN_ID and HOMEPORT_TOKEN_SECRET")


def test_half_a_token_is_refused(tmp_path: Path) -> None:
    platform(tmp_path / "default")
    with pytest.raises(AuthError, match="Only one of HOMEPORT_TOKEN_ID and HOMEPORT_TOKEN_SECRET is set"):
        found(tmp_path, {"HOMEPORT_TOKEN_ID": "ak-1"})


def test_no_platform_at_all_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="homeport up"):
        found(tmp_path)


def test_profiles_that_others_can_change_are_refused_and_ones_that_others_can_read_are_warned_of(tmp_path: Path) -> None:
    file = profiles(tmp_path, mode=0o644)
    assert f"chmod 600 {file}" in found(tmp_path).warnings[0]
    file.chmod(0o600)
    assert found(tmp_path).warnings == ()
    file.chmod(0o620)
    with pytest.raises(InvalidError, match="is writable by others"):
        found(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_profiles_of_somebody_else_are_refused(tmp_path: Path) -> None:
    os.chown(profiles(tmp_path), 12345, 12345)
    with pytest.raises(InvalidError, match="is writable by others"):
        found(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[work", "can't be used"),
        ("[a]\nactive = true\n[b]\nactive = true", "more than one active profile: a, b"),
        ("[a]\nactive = true", "'server_url'"),
        ("[a]\nactive = true\nserver_url = 'x'\ntoken_id = 3", "must be text"),
        ("[a]\nactive = true\nserver_url = 'ftp://x'\ntoken_id = 'i'\ntoken_secret = 's'", "must start with http"),
    ],
)
def test_a_profile_that_can_not_be_used_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    profiles(tmp_path, text)
    with pytest.raises(InvalidError, match=words):
        found(tmp_path)


def test_an_unknown_profile_is_named_with_those_that_exist(tmp_path: Path) -> None:
    profiles(tmp_path)
    with pytest.raises(NotFoundError, match=r"no profile 'nope'.*known: work, other"):
        found(tmp_path, profile="nope")


def test_a_broken_file_of_the_platform_is_named(tmp_path: Path) -> None:
    data_dir = platform(tmp_path / "one")
    (data_dir / "run/platform.json").write_text("{")
    with pytest.raises(InvalidError, match=r"platform\.json is not JSON"):
        found(tmp_path, data_dir=data_dir)


def test_a_target_does_not_show_its_secret(tmp_path: Path) -> None:
    assert "as-1" not in repr(found(tmp_path, REMOTE))


def test_a_token_that_would_break_a_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuthError, match="contains characters"):
        found(tmp_path, {**REMOTE, "HOMEPORT_TOKEN_SECRET": "as-1\r\nX: y"})


def test_a_proxy_token_comes_from_the_environment_or_the_profile_that_is_used(tmp_path: Path) -> None:
    both = {"HOMEPORT_PROXY_TOKEN_ID": "wk-1", "HOMEPORT_PROXY_TOKEN_SECRET": "ws-1"}
    assert found(tmp_path, REMOTE).proxy_token is None
    assert found(tmp_path, REMOTE | both).proxy_token == ("wk-1", "ws-1")
    profiles(tmp_path, PROFILES + 'proxy_token_id = "wk-other"\nproxy_token_secret = "ws-other"\n')
    assert found(tmp_path).proxy_token is None
    assert found(tmp_path, profile="other").proxy_token == ("wk-other", "ws-other")
    assert found(tmp_path, both, profile="other").proxy_token == ("wk-1", "ws-1")
    assert found(tmp_path, REMOTE).proxy_token is None
    assert "ws-other" not in repr(found(tmp_path, profile="other"))


@pytest.mark.parametrize("wrong", [{"ID": "wk-1"}, {"ID": "wk-1", "SECRET": 'ws-1"\nurl = "http://x'}, {"SECRET": "ws-1"}])
def test_a_proxy_token_that_can_not_be_one_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(AuthError):
        found(tmp_path, REMOTE | {f"HOMEPORT_PROXY_TOKEN_{name}": value for name, value in wrong.items()})
