"""`homeport secret`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import FakePlatform, Result

INFO: dict[str, Any] = {
    "name": "api",
    "secret_id": "st-1",
    "keys": ["A", "B"],
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "ann",
    "updated_at": "2026-01-02T00:00:00Z",
}
VALUE = "correct-horse"
Cli = Callable[..., Result]


@pytest.fixture
def made(platform: FakePlatform) -> FakePlatform:
    platform.answers["POST /v1/secrets"] = INFO
    return platform


def sent(platform: FakePlatform) -> dict[str, str]:
    (request,) = [asked for asked in platform.asked if asked.path == "/v1/secrets" and asked.method == "POST"]
    values: dict[str, str] = request.body["values"]
    return values


def test_create_takes_pairs_and_shows_no_value(made: FakePlatform, cli: Cli) -> None:
    result = cli("secret", "create", "api", "A=1=2", f"B={VALUE}")
    assert (result.code, sent(made)) == (0, {"A": "1=2", "B": VALUE})
    assert result.out == "✓ Secret 'api' is in the 'main' environment with the keys A, B.\n"
    assert VALUE not in result.out + result.err


def test_create_with_json_prints_the_secret_without_its_values(made: FakePlatform, cli: Cli) -> None:
    result = cli("secret", "create", "api", "A=1=2", f"B={VALUE}", "--json")
    assert result.json["name"] == "api"
    assert VALUE not in result.out


def test_create_reads_lines_from_standard_input(made: FakePlatform, cli: Cli) -> None:
    result = cli("secret", "create", "api", "-", "--force", stdin=b"# no value\nA=1\n\nB= two words \n")
    assert (result.code, sent(made)) == (0, {"A": "1", "B": " two words "})
    assert made.asked[-1].body["overwrite"] is True


def test_create_reads_a_dotenv_file_as_python_dotenv_does(
    made: FakePlatform, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTED", "here")
    path = tmp_path / ".env"
    path.write_text("export A='x y'  # why\nB=${HOSTED}-$A\nC=\nD\nE=\"two\\nlines\"\n")
    assert cli("secret", "create", "api", "--from-dotenv", str(path)).code == 0
    assert sent(made) == {"A": "x y", "B": "here-$A", "C": "", "E": "two\nlines"}


def test_create_reads_dotenv_text_from_standard_input(made: FakePlatform, cli: Cli) -> None:
    assert cli("secret", "create", "api", "--from-dotenv", "-", stdin=b"export A='x y'\nB=2\n").code == 0
    assert sent(made) == {"A": "x y", "B": "2"}


def test_create_reads_a_json_file_or_standard_input(made: FakePlatform, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "values.json"
    path.write_text(json.dumps({"A": "1", "B": None}))
    assert cli("secret", "create", "api", "--from-json", str(path)).code == 0
    assert sent(made) == {"A": "1"}
    made.asked.clear()
    assert cli("secret", "create", "api", "--from-json", "-", stdin=b'{"A": "2"}').code == 0
    assert sent(made) == {"A": "2"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Give the values in one way"),
        (("A=1", "--from-json", "x"), 2, "Give the values in one way"),
        ((VALUE,), 2, "an argument (number 1) has no '='"),
        (("1A=x",), 1, "'1A' can't be a key"),
        (("--from-dotenv", "/nowhere/.env"), 1, "There is no file /nowhere/.env."),
        (("--from-json", "/nowhere/x.json"), 1, "There is no file /nowhere/x.json."),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    made: FakePlatform, cli: Cli, arguments: tuple[str, ...], code: int, words: str
) -> None:  # fmt: skip
    result = cli("secret", "create", "api", *arguments)
    assert result.code == code
    assert words in result.err
    assert VALUE not in result.err
    assert made.asked == []


@pytest.mark.parametrize("content", ["[1]", f'{{"A": {len(VALUE)}}}', f'{{"A": "{VALUE}"', '"text"'])
def test_json_that_is_no_object_of_texts_is_refused_without_its_values(
    made: FakePlatform, cli: Cli, tmp_path: Path, content: str
) -> None:  # fmt: skip
    path = tmp_path / "values.json"
    path.write_text(content)
    result = cli("secret", "create", "api", "--from-json", str(path))
    assert result.code == 1
    assert "JSON" in result.err or "has to be text" in result.err
    assert VALUE not in result.err
    assert made.asked == []


def test_list_shows_keys(platform: FakePlatform, cli: Cli) -> None:
    platform.answers["GET /v1/secrets"] = {"secrets": [INFO]}
    lines = cli("secret", "list", "-e", "dev").out.splitlines()
    assert lines[0].split("  ")[0] == "Name"
    assert "A, B" in lines[1]
    assert platform.asked[-1].query == {"environment": "dev"}
    assert cli("secret", "list", "--json").json == [INFO]


def test_delete_asks_first_and_without_a_terminal_does_nothing(platform: FakePlatform, cli: Cli) -> None:
    platform.answers["GET /v1/secrets"] = {"secrets": [INFO]}
    platform.answers["DELETE /v1/secrets/api"] = {"name": "api", "secret_id": "st-1"}
    asked = cli("secret", "delete", "api")
    assert asked.code == 1
    assert "Are you sure you want to delete the Secret 'api' from the 'main' environment?" in asked.err
    assert "DELETE /v1/secrets/api" not in platform.paths()
    assert cli("secret", "delete", "api", "--yes").out == "✓ Secret 'api' is deleted.\n"


def test_rotate_key_says_what_it_did(platform: FakePlatform, cli: Cli) -> None:
    platform.answers["POST /v1/secrets/rotate-key"] = {"key_id": "abc", "secrets": 2}
    assert cli("secret", "rotate-key").out == "✓ 2 Secrets encrypted with the new key abc.\n"
