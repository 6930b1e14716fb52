"""Proxy tokens on a real journal: what the router is told, when, and that nothing is lost or let in on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeport.control.access import SERVICE
from homeport.control.environments import Access, Update
from homeport.control.members import OWNER
from homeport.control.proxytokens import fingerprint
from homeport.errors import InvalidError, NotFoundError, PlatformError
from homeport.store import tables
from homeport.store.journal import SqlJournal

from .people import People
from .plant import Plant


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def people(plant: Plant) -> People:
    return People(plant)


def create(people: People, name: str = "", *environments: str) -> dict[str, Any]:
    return asyncio.run(people.proxy_tokens.create(name, environments, "ann"))


def reach(people: People) -> dict[str, tuple[str, ...]]:
    """Where each token gets in, as the router was told last."""
    return dict(people.told[-1].values())


def test_a_token_is_known_to_the_router_by_its_hash_and_its_secret_is_kept_nowhere(plant: Plant, people: People) -> None:
    made = create(people, "front")
    key, secret = made["token_id"], made["token_secret"]
    assert (key[:3], len(key), secret[:3], len(secret)) == ("wk-", 25, "ws-", 35)
    assert dict(people.told[-1]) == {fingerprint(key, secret): (key, ("*",))}
    assert [(line["name"], line["created_by"], line["scoped"]) for line in people.proxy_tokens.lines()] == [
        ("front", "ann", False)
    ]
    with plant.database.reading() as connection:
        written = json.dumps([list(map(str, row)) for row in connection.execute(tables.records.select())])
    assert secret not in written
    assert key in written


def test_with_rbac_a_token_reaches_only_the_environments_that_it_was_allowed_in(people: People) -> None:
    people.environments.create("dev", None, "ann")
    key, other = create(people)["token_id"], create(people, "", "dev")["token_id"]
    assert reach(people) == {key: ("*",), other: ("*",)}
    asyncio.run(people.proxy_tokens.set_rbac(True, "ann"))
    assert reach(people) == {key: (), other: ("dev",)}
    asyncio.run(people.proxy_tokens.grant(key, "main", True, "ann"))
    asyncio.run(people.proxy_tokens.grant(key, "dev", True, "ann"))
    asyncio.run(people.proxy_tokens.grant(other, "dev", False, "ann"))
    assert reach(people) == {key: ("dev", "main"), other: ()}
    assert [line["token_id"] for line in people.proxy_tokens.lines("dev")] == [key]
    asyncio.run(people.proxy_tokens.set_rbac(False, "ann"))
    assert reach(people) == {key: ("*",), other: ("*",)}


def test_an_environment_keeps_its_tokens_with_a_new_name_and_a_new_one_of_its_name_has_none(people: People) -> None:
    people.environments.create("dev", None, "ann")
    asyncio.run(people.proxy_tokens.set_rbac(True, "ann"))
    key = create(people, "", "dev")["token_id"]
    people.environments.update("dev", Update(name="stage"), "ann")
    asyncio.run(people.proxy_tokens.push())
    assert reach(people) == {key: ("stage",)}
    people.environments.delete("stage", "ann")
    people.environments.create("stage", None, "ann")
    asyncio.run(people.proxy_tokens.push())
    assert reach(people) == {key: ()}


def test_the_next_control_plane_tells_the_router_the_same(plant: Plant, people: People) -> None:
    create(people, "one", "main")
    gone = create(people, "two")["token_id"]
    asyncio.run(people.proxy_tokens.set_rbac(True, "ann"))
    asyncio.run(people.proxy_tokens.delete(gone, "ann"))
    people.proxy_tokens.rename(people.proxy_tokens.lines()[0]["token_id"], "first", "ann")
    again = People(plant)
    asyncio.run(again.proxy_tokens.push())
    assert again.told[-1] == people.told[-1]
    assert again.proxy_tokens.rbac
    assert again.proxy_tokens.lines() == people.proxy_tokens.lines()
    assert [line["name"] for line in again.proxy_tokens.lines()] == ["first"]


def test_the_records_alone_give_all_tokens_members_and_roles_again(plant: Plant, people: People) -> None:
    people.environments.create("dev", None, "o", Access(restricted=True, default_role="viewer"))
    people.environments.update("dev", Update(default_role="no-access"), "o")
    asyncio.run(people.proxy_tokens.set_rbac(True, "o"))
    asyncio.run(people.proxy_tokens.grant(create(people, "one", "dev")["token_id"], "main", True, "o"))
    asyncio.run(people.proxy_tokens.delete(create(people, "two")["token_id"], "o"))
    people.members.create_user("ann", "member", OWNER)
    people.members.set_role("ann", "manager", OWNER)
    people.members.create_service("ci", OWNER)
    people.members.set_environment_role("dev", "ci", "viewer", OWNER)
    people.members.create_service("gone", OWNER)
    people.members.delete("gone", SERVICE, OWNER)
    before = told(people)
    SqlJournal(plant.database).rebuild()
    assert told(People(plant)) == before
    assert [(line["restricted"], line["default_role"]) for line in before["environments"]] == [
        (False, "contributor"),
        (True, "no-access"),
    ]


def told(people: People) -> dict[str, Any]:
    """Everything that is shown of a workspace."""
    names = [str(line["name"]) for line in people.environments.lines()]
    return {
        "environments": people.environments.lines(),
        "rbac": people.proxy_tokens.rbac,
        "proxy tokens": people.proxy_tokens.lines(),
        "router": people.proxy_tokens.wanted(),
        "members": people.members.users(),
        "service users": people.members.services(),
        "tokens": people.members.tokens(OWNER),
        "roles": {name: people.members.roles(name) for name in names},
    }


def test_a_deletion_that_the_router_was_not_told_of_is_no_success(people: People) -> None:
    key = create(people)["token_id"]
    people.away = OSError("away")
    with pytest.raises(PlatformError, match="saved, but the router could not be told yet"):
        asyncio.run(people.proxy_tokens.delete(key, "ann"))
    assert people.proxy_tokens.wanted() == {}
    with pytest.raises(NotFoundError, match=f"no proxy token {key}"):
        asyncio.run(people.proxy_tokens.delete(key, "ann"))


def test_a_new_token_is_told_to_its_maker_even_while_the_router_is_away(people: People) -> None:
    people.away = OSError("away")
    made = create(people)
    assert fingerprint(made["token_id"], made["token_secret"]) in people.proxy_tokens.wanted()


def test_nothing_is_changed_by_what_is_refused(people: People) -> None:
    with pytest.raises(InvalidError):
        create(people, "not a name!")
    with pytest.raises(NotFoundError, match="no environment 'nowhere'"):
        create(people, "", "nowhere")
    key = create(people)["token_id"]
    with pytest.raises(NotFoundError):
        asyncio.run(people.proxy_tokens.grant(key, "nowhere", True, "ann"))
    assert [line["token_id"] for line in people.proxy_tokens.lines()] == [key]
