"""Members, service users and API tokens on a real journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeport.control.access import SERVICE, USER, Person, Role, WorkspaceRole
from homeport.control.members import OWNER
from homeport.errors import AlreadyExistsError, AuthError, InvalidError, NotFoundError, PermissionDeniedError

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


def who(people: People, made: dict[str, Any]) -> Person:
    found = people.members.who(made["token_id"], made["token_secret"])
    assert found is not None
    return found


def test_the_admin_of_the_data_directory_is_the_owner_and_stays_it(people: People) -> None:
    token = people.admins.ensure_admin()
    assert people.members.who(token.token_id, token.secret) == OWNER
    assert people.members.users()[0]["role"] == "owner"
    for change in (
        lambda: people.members.set_role("admin", "member", OWNER),
        lambda: people.members.delete("admin", USER, OWNER),
        lambda: people.members.create_token(None, OWNER),
    ):
        with pytest.raises(InvalidError):
            change()


def test_a_member_is_known_by_the_token_and_a_wrong_secret_is_nobody(plant: Plant, people: People) -> None:
    made = people.members.create_user("ann", "manager", OWNER)
    assert (made["token_id"][:3], made["token_secret"][:3]) == ("ak-", "as-")
    for each in (people, People(plant)):
        person = who(each, made)
        assert (person.name, person.workspace_role) == ("ann", WorkspaceRole.MANAGER)
    assert people.members.who(made["token_id"], made["token_secret"] + "x") is None
    assert people.members.who("ak-unknown", made["token_secret"]) is None


def test_a_revoked_token_is_called_so_only_to_who_has_its_secret(people: People) -> None:
    made = people.members.create_user("ann", "member", OWNER)
    second = people.members.create_token(None, who(people, made))
    people.members.delete_token(made["token_id"], who(people, second))
    with pytest.raises(AuthError, match=f"token {made['token_id']} was revoked"):
        who(people, made)
    assert people.members.who(made["token_id"], "as-wrong") is None
    people.members.delete("ann", USER, OWNER)
    with pytest.raises(AuthError, match="was revoked"):
        who(people, second)


def test_a_service_user_starts_without_access_and_can_not_make_tokens(people: People) -> None:
    made = people.members.create_service("ci", OWNER)
    robot = who(people, made)
    assert (robot.kind, robot.workspace_role, dict(robot.roles)) == (SERVICE, WorkspaceRole.NONE, {})
    with pytest.raises(PermissionDeniedError, match="can't make tokens"):
        people.members.create_token(None, robot)
    people.members.set_environment_role("main", "ci", "contributor", OWNER)
    assert list(who(people, made).roles.values()) == [Role.CONTRIBUTOR]
    assert people.members.service("ci")["roles"] == {"main": "contributor"}
    people.members.set_environment_role("main", "ci", "default", OWNER)
    assert people.members.roles("main") == [{"name": "ci", "kind": "service", "role": "no-access", "default": True}]


def test_a_manager_makes_members_but_no_owners_and_takes_over_nobody_above(people: People) -> None:
    manager = who(people, people.members.create_user("boss", "manager", OWNER))
    other = people.members.create_user("chief", "owner", OWNER)
    people.members.create_user("ann", "member", manager)
    for change in (
        lambda: people.members.create_user("bob", "manager", manager),
        lambda: people.members.set_role("ann", "owner", manager),
        lambda: people.members.set_role("chief", "member", manager),
        lambda: people.members.set_role("boss", "owner", manager),
        lambda: people.members.delete("chief", USER, manager),
        lambda: people.members.create_token("chief", manager),
        lambda: people.members.delete_token(other["token_id"], manager),
    ):
        with pytest.raises(PermissionDeniedError, match="role owner in the workspace"):
            change()
    assert people.members.create_token("ann", manager)["member"] == "ann"


def test_a_member_sees_and_deletes_own_tokens_only(people: People) -> None:
    ann = who(people, people.members.create_user("ann", "member", OWNER))
    bob = people.members.create_user("bob", "member", OWNER)
    assert [token["member"] for token in people.members.tokens(ann)] == ["ann"]
    assert [token["member"] for token in people.members.tokens(OWNER)] == ["ann", "bob"]
    with pytest.raises(NotFoundError):
        people.members.delete_token(bob["token_id"], ann)
    with pytest.raises(PermissionDeniedError):
        people.members.create_token("bob", ann)


def test_a_name_is_never_given_to_somebody_else(people: People) -> None:
    people.members.create_user("ann", "member", OWNER)
    people.members.delete("ann", USER, OWNER)
    for name in ("ann", "Ann", "admin", "Admin"):
        with pytest.raises(AlreadyExistsError, match="choose another name"):
            people.members.create_service(name, OWNER)
    with pytest.raises(NotFoundError, match="no service user 'ann'"):
        people.members.delete("ann", SERVICE, OWNER)
    with pytest.raises(InvalidError, match="Unknown role 'king'"):
        people.members.create_user("eve", "king", OWNER)


def test_the_roles_of_an_environment_follow_its_default(people: People) -> None:
    made = people.environments.create("prod", None, "o")
    assert (made["restricted"], made["default_role"]) == (False, "contributor")
    people.members.create_user("ann", "member", OWNER)
    people.members.create_user("bob", "member", OWNER)
    people.members.set_environment_role("prod", "bob", "viewer", OWNER)
    people.members.create_user("boss", "manager", OWNER)
    with pytest.raises(InvalidError, match="'boss' is manager of the workspace"):
        people.members.set_environment_role("prod", "boss", "viewer", OWNER)
    shown = {line["name"]: (line["role"], line["default"]) for line in people.members.roles("prod")}
    assert shown == {"ann": ("contributor", True), "bob": ("viewer", False)}
