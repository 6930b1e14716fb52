"""Roles as a table: who may do what where."""

from __future__ import annotations

import pytest

from homeport.control.access import SERVICE, Need, Person, Place, Role, WorkspaceRole, allows, demand, parse_role, role_in
from homeport.errors import InvalidError, PermissionDeniedError

OPEN, CLOSED = Place("en-1", "main"), Place("en-2", "prod", Role.NO_ACCESS)
OWNER, MANAGER = Person("o", workspace_role=WorkspaceRole.OWNER), Person("g", workspace_role=WorkspaceRole.MANAGER)
MEMBER = Person("m", "us-1")
READER = Person("r", "us-2", roles={"en-2": Role.VIEWER})
SHUT_OUT = Person("s", "us-3", roles={"en-1": Role.NO_ACCESS})
ROBOT = Person("ci", "us-4", SERVICE, WorkspaceRole.NONE)
WORKING_ROBOT = Person("ci", "us-5", SERVICE, WorkspaceRole.NONE, {"en-2": Role.CONTRIBUTOR})
EVERYBODY = (OWNER, MANAGER, MEMBER, READER, SHUT_OUT, ROBOT, WORKING_ROBOT)


@pytest.mark.parametrize(
    ("need", "place", "allowed"),
    [
        (Need.TOKEN, None, EVERYBODY),
        (Need.VIEW, OPEN, (OWNER, MANAGER, MEMBER, READER)),
        (Need.CHANGE, OPEN, (OWNER, MANAGER, MEMBER, READER)),
        (Need.VIEW, CLOSED, (OWNER, MANAGER, READER, WORKING_ROBOT)),
        (Need.CHANGE, CLOSED, (OWNER, MANAGER, WORKING_ROBOT)),
        (Need.MANAGE, None, (OWNER, MANAGER)),
        (Need.OWN, None, (OWNER,)),
    ],
)
def test_everybody_may_what_the_role_in_the_target_environment_allows(
    need: Need, place: Place | None, allowed: tuple[Person, ...]
) -> None:
    assert [person for person in EVERYBODY if allows(person, need, place)] == list(allowed)


def test_a_default_is_for_members_and_never_for_service_users() -> None:
    shown = Place("en-3", "shown", Role.VIEWER)
    assert (role_in(MEMBER, shown), role_in(ROBOT, shown), role_in(MANAGER, shown)) == ("viewer", "no-access", "contributor")


@pytest.mark.parametrize(
    ("person", "need", "place", "words"),
    [
        (
            READER,
            Need.CHANGE,
            CLOSED,
            "Member 'r' has the role viewer in the environment 'prod', and this takes contributor. Ask a manager for it: "
            "`homeport environment roles update prod r contributor`.",
        ),
        (
            ROBOT,
            Need.VIEW,
            OPEN,
            "Service user 'ci' has the role no-access in the environment 'main', and this",
        ),
        (MEMBER, Need.MANAGE, None, "Member 'm' may not do this: it takes the role owner or manager in the workspace."),
        (MANAGER, Need.OWN, None, "Member 'g' may not do this: it takes the role owner in the workspace. Ask an owner."),
    ],
)
def test_a_refusal_names_what_is_missing(person: Person, need: Need, place: Place | None, words: str) -> None:
    with pytest.raises(PermissionDeniedError) as refused:
        demand(person, need, place)
    assert refused.value.message.startswith(words)


def test_an_unknown_role_is_told_with_those_that_there_are() -> None:
    with pytest.raises(InvalidError, match="Unknown role 'admin' in an environment; known: contributor, viewer, no-access"):
        parse_role("admin")
