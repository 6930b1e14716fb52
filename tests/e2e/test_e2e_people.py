"""Several people on one platform: each act bears the name of who did it, and a token that is not whole does nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from e2e_harness import Box, running
from e2e_sources import server


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A platform that admin and Bea have tokens for."""
    with running(tmp_path_factory.mktemp("office")) as box:
        yield box


@pytest.fixture(scope="module")
def bea(office: Box) -> dict[str, str]:
    """What she sets in her environment."""
    made = office.json("workspace", "members", "create", "bea")
    return {"HOMEPORT_TOKEN_ID": made["token_id"], "HOMEPORT_TOKEN_SECRET": made["token_secret"]}


def test_a_rollback_a_rollover_and_a_stop_bear_the_name_of_who_asked_for_them(office: Box, bea: dict[str, str]) -> None:
    """Check 11.9, the actor; semantics 1.5.10 and 1.10.6."""
    for text in ("one", "two", "three"):
        office.deploy("shared", server("shared", text))
    for command in (("rollback",), ("rollover",)):
        done = office.run("app", *command, "shared", **bea)
        assert done.code == 0, done
    entries = office.json("app", "history", "shared")
    assert [(e["version"], e["type"], e["rollback_version"], e["deployed_by"]) for e in entries[:3]] == [
        (5, "rollover", 4, "bea"),
        (4, "rollback", 2, "bea"),
        (3, "standard", None, "admin"),
    ]
    assert "· bea" in next(line for line in office.ok("app", "info", "shared").splitlines() if "Deployment:" in line)
    assert office.run("app", "stop", "shared", "--yes", **bea).code == 0
    again = office.run("app", "stop", "shared", "--yes")
    assert again.err.endswith(" by 'bea').\n")
    acts = [(act["actor"], act["action"]) for act in office.json("audit", "list", "--limit", "3")]
    assert acts == [("bea", "app.stop"), ("bea", "app.rollover"), ("bea", "app.rollback")]


def test_half_a_token_and_a_wrong_secret_are_refused_and_change_nothing(office: Box, bea: dict[str, str]) -> None:
    office.deploy("guarded", server("guarded"))
    before = (office.json("app", "history", "guarded"), office.containers("guarded"))
    for credentials in ({**bea, "HOMEPORT_TOKEN_SECRET": "as-guessed"}, {"HOMEPORT_TOKEN_ID": bea["HOMEPORT_TOKEN_ID"]}):
        for command in (("app", "stop", "guarded", "--yes"), ("app", "rollover", "guarded")):
            done = office.run(*command, **credentials)
            assert done.code == 1
            assert "HOMEPORT_TOKEN_SECRET" in done.err.splitlines()[-1]
            assert "guessed" not in done.err
    assert (office.json("app", "history", "guarded"), office.containers("guarded")) == before
