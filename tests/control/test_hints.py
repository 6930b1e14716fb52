"""What is said beside a name that there is not."""

from __future__ import annotations

import pytest

from homeport.control.hints import did_you_mean, no_server


@pytest.mark.parametrize(
    ("name", "there", "hint"),
    [
        ("wib", ["web", "api"], " Did you mean web?"),
        ("shop1", ["shop2", "shop3", "shop2"], " Did you mean shop3 or shop2?"),
        ("wib", ["admin"], ""),
        ("wib", [], ""),
    ],
)
def test_what_is_spelled_alike_is_named_once(name: str, there: list[str], hint: str) -> None:
    assert did_you_mean(name, there) == hint


@pytest.mark.parametrize(("there", "listed"), [(["web", "admin", "api"], "admin, api, web"), ([], "none")])
def test_all_servers_of_an_app_are_listed_also_when_one_is_spelled_alike(there: list[str], listed: str) -> None:
    assert str(no_server("shop", "wib", there)) == f"App 'shop' has no Server 'wib'; its Servers: {listed}."
