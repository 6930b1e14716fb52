"""`homeport dict` and `homeport queue`."""

from __future__ import annotations

import base64
import os
import pickle
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from homeport.cli.plain_pickle import Unknown, plain

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]


def text(value: Any) -> str:
    return base64.b64encode(cloudpickle.dumps(value)).decode()


@pytest.fixture
def found(platform: FakePlatform) -> FakePlatform:
    for kind, prefix in (("dicts", "di"), ("queues", "qu")):
        platform.answers[f"POST /v1/{kind}/resolve"] = {"object_id": f"{prefix}-1"}
        info = {"object_id": f"{prefix}-1", "name": "shared", "created_at": "2026-01-01T00:00:00Z", "created_by": "ann"}
        platform.answers[f"GET /v1/{kind}"] = {"objects": [info]}
        platform.answers[f"POST /v1/{kind}"] = info
        platform.answers[f"DELETE /v1/{kind}/{prefix}-1"] = {"object_id": f"{prefix}-1"}
        platform.answers[f"POST /v1/{kind}/{prefix}-1/clear"] = {}
    return platform


@pytest.mark.parametrize("word", ["dict", "queue"])
def test_what_both_have(found: FakePlatform, cli: Cli, word: str) -> None:
    assert "shared" in cli(word, "list", "-e", "dev").out
    assert found.asked[-1].query == {"environment": "dev"}
    assert cli(word, "list", "--json").json[0]["name"] == "shared"
    assert cli(word, "create", "shared").out == f"✓ {word.capitalize()} 'shared' is in the 'main' environment.\n"
    assert isinstance(cli(word, "create", "shared", "--json").json, dict)
    assert cli(word, "create", "a/b").code == 1
    for verb in ("clear", "delete"):
        assert "Are you sure" in cli(word, verb, "shared").err
    assert not [path for path in found.paths() if path.endswith("/clear") or path.startswith("DELETE")]
    assert cli(word, "clear", "shared", "--yes").code == 0
    assert cli(word, "delete", "shared", "--yes").out == f"✓ {word.capitalize()} 'shared' is deleted.\n"


def test_the_value_of_a_key(found: FakePlatform, cli: Cli) -> None:
    found.answers["POST /v1/dicts/di-1/get"] = {"found": True, "value": text({"n": [1, 2]}), "large": False}
    assert cli("dict", "get", "shared", "key").out == "{'n': [1, 2]}\n"
    assert cli("dict", "get", "shared", "key", "--json").json == {"n": [1, 2]}
    found.answers["POST /v1/dicts/di-1/get"] = {"found": False, "value": None, "large": False}
    assert cli("dict", "get", "shared", "key").err == "Error: No key 'key' in Dict 'shared'.\n"


def test_the_entries_of_a_dict(found: FakePlatform, cli: Cli) -> None:
    entries = [[text("a"), text(1)], [text(("b", 2)), text(Path("/x"))]]
    found.answers["GET /v1/dicts/di-1/entries"] = {"entries": entries, "after": None}
    assert [row["key"] for row in cli("dict", "items", "shared", "--json").json] == ["a", ["b", 2]]
    assert cli("dict", "peek", "shared", "--json").json == [{"key": "a", "value": 1}]
    assert "<pathlib." in cli("dict", "items", "shared").out


def test_the_items_of_a_queue(found: FakePlatform, cli: Cli) -> None:
    found.answers["POST /v1/queues/qu-1/peek"] = {"values": [text("x")], "after": 1}
    assert cli("queue", "peek", "shared", "3", "-p", "other", "--json").json == [{"value": "x"}]
    assert found.asked[-1].body == {"partition": "other", "count": 3, "after": 0, "wait_ms": 0}
    found.answers["POST /v1/queues/qu-1/get"] = {"values": []}
    assert cli("queue", "get", "shared").err == "Queue 'shared' is empty.\n"
    assert cli("queue", "get", "shared", "--json").json == []
    found.answers["GET /v1/queues/qu-1/len"] = {"length": 7}
    assert cli("queue", "len", "shared", "--total").out == "7\n"
    assert cli("queue", "len", "shared", "--json").json == {"length": 7}
    assert cli("queue", "len", "shared", "-t", "-p", "x").code == 2


class Boom:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/never",)


def test_looking_at_a_pickle_runs_nothing_of_it() -> None:
    for value in (Boom(), date(2026, 1, 1), len):
        with pytest.raises(Unknown, match=r"^<[\w.]+>$"):
            plain(pickle.dumps(value))
    with pytest.raises(Unknown, match=r"^<4 bytes>$"):
        plain(b"junk")
    assert plain(pickle.dumps({"a": (1, b"x", {2})})) == {"a": [1, "b'x'", "{2}"]}
