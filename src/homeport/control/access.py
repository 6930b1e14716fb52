"""Authorization: roles, and whether a person may do one thing. Pure; knows neither routes nor tables.

A workspace role counts everywhere, an environment role in the environment that a request is about (semantics 6.4.5, 6.4.6):

    Owner    everything
    Manager  everything, but for the roles of Owners and Managers
    Member   works in environments, as far as the role there goes
    (none)   a service user: the same, and starts with no access anywhere (6.4.7)

    contributor  reads and changes what is in the environment
    viewer       reads it
    no-access    neither
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..errors import InvalidError, PermissionDeniedError


class WorkspaceRole(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    MEMBER = "member"
    NONE = "none"


class Role(StrEnum):
    """In one environment."""

    CONTRIBUTOR = "contributor"
    VIEWER = "viewer"
    NO_ACCESS = "no-access"


class Need(StrEnum):
    """What a wish takes, from least to most."""

    TOKEN = "token"  # whoever holds one may
    VIEW = "view"  # of the environment
    CHANGE = "change"
    MANAGE = "manage"  # of the workspace
    OWN = "own"


MANAGERS = (WorkspaceRole.OWNER, WorkspaceRole.MANAGER)
SERVICE = "service"
USER = "user"


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever a token stands for. `roles`: those given to this very person, by the environment's id."""

    name: str
    member_id: str = ""
    kind: str = USER
    workspace_role: WorkspaceRole = WorkspaceRole.MEMBER
    roles: Mapping[str, Role] = field(default_factory=dict)

    @property
    def manages(self) -> bool:
        return self.workspace_role in MANAGERS


@dataclass(frozen=True, slots=True)
class Place:
    """An environment, as far as roles are concerned."""

    environment_id: str
    name: str
    default_role: str = Role.CONTRIBUTOR
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """Something that an App or an image is given: a Secret, a Volume."""

    what: str  # for people, with its article
    place: Place
    need: Need  # what it takes where it is


def role_in(person: Person, place: Place) -> Role:
    """The role given to the person there, else the environment's default; service users have no default."""
    if person.manages:
        return Role.CONTRIBUTOR
    given = person.roles.get(place.environment_id)
    if given is not None:
        return given
    return Role.NO_ACCESS if person.workspace_role is WorkspaceRole.NONE else Role(place.default_role)


def allows(person: Person, need: Need, place: Place | None) -> bool:
    """Whether the person may; `place` is None for what is in no environment."""
    match need:
        case Need.TOKEN:
            return True
        case Need.OWN:
            return person.workspace_role is WorkspaceRole.OWNER
        case Need.MANAGE:
            return person.manages
        case Need.VIEW | Need.CHANGE:
            enough = (Role.CONTRIBUTOR,) if need is Need.CHANGE else (Role.CONTRIBUTOR, Role.VIEWER)
            return person.manages or (place is not None and role_in(person, place) in enough)


def demand(person: Person, need: Need, place: Place | None) -> None:
    """Raises PermissionDeniedError in words that name what is missing, and who can give it."""
    if allows(person, need, place):
        return
    who = f"{'Service user' if person.kind == SERVICE else 'Member'} {person.name!r}"
    if need is Need.OWN:
        raise PermissionDeniedError(f"{who} may not do this: it takes the role owner in the workspace. Ask an owner.")
    if need is Need.MANAGE or place is None:
        raise PermissionDeniedError(
            f"{who} may not do this: it takes the role owner or manager in the workspace. Ask one of them."
        )
    has, takes = role_in(person, place), "contributor" if need is Need.CHANGE else "viewer"
    raise PermissionDeniedError(
        f"{who} has the role {has} in the environment {place.name!r}, and this takes {takes}. Ask a manager for it: "
        f"`homeport environment roles update {place.name} {person.name} {takes}`."
    )


def demand_uses(person: Person, home: Place | None, uses: Iterable[Use]) -> None:
    """What is in another environment than the App takes a role there; a restricted one gives nothing (semantics 6.4.4).

    `home`: the App's environment; None for an image, which is in none. Raises PermissionDeniedError in words.
    """
    for use in uses:
        if home is not None and use.place.environment_id == home.environment_id:
            continue
        if home is not None and use.place.restricted:
            raise PermissionDeniedError(
                f"An App in the environment {home.name!r} can't have {use.what}, which is in {use.place.name!r}: that "
                f"environment is restricted. Make one in {home.name!r}."
            )
        try:
            demand(person, use.need, use.place)
        except PermissionDeniedError as error:
            raise PermissionDeniedError(f"It uses {use.what}. {error.message}") from None


def parse_role(text: str) -> Role:
    """Raises InvalidError."""
    try:
        return Role(text)
    except ValueError:
        raise InvalidError(f"Unknown role {text!r} in an environment; known: {', '.join(Role)}.") from None


def parse_workspace_role(text: str) -> WorkspaceRole:
    """One of a member's. Raises InvalidError."""
    known = [role for role in WorkspaceRole if role is not WorkspaceRole.NONE]
    if text.lower() not in known:
        raise InvalidError(f"Unknown role {text!r} in the workspace; known: {', '.join(known)}.")
    return WorkspaceRole(text.lower())
