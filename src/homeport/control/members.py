"""The people and programs of the workspace: members, service users, their API tokens and roles (semantics 6.4.5 to 6.4.7).

Owns members and whom a token authenticates; authorization is in `access`. The admin, whose token is in the
data directory, is an Owner and can't be changed from here, so nobody can lock everybody out. A name is never given to
somebody else again, in whatever case: it is what history and audit call them. Owners' and managers' roles and tokens are for
owners.
"""

from __future__ import annotations

import hmac

from ..errors import AlreadyExistsError, AuthError, InvalidError, NotFoundError, PermissionDeniedError
from ..manifest import names
from ..ports import Record
from ..store import access_records as records
from ..store.members import ApiTokenRow, MemberRow, MemberTable
from ..store.tokens import ADMIN, NOBODY, TokenStore, random_text, sha256
from .access import MANAGERS, SERVICE, USER, Need, Person, Role, WorkspaceRole, demand, parse_role, parse_workspace_role
from .environments import Environments
from .loop import ControlLoop
from .views import Json, iso

OWNER = Person(ADMIN, workspace_role=WorkspaceRole.OWNER)
MEMBERS_MAX = 10_000
DEFAULT = "default"  # as a role: none of one's own


class Members:
    """Used from the control loop's thread only."""

    def __init__(self, table: MemberTable, environments: Environments, loop: ControlLoop, admins: TokenStore) -> None:
        self._table = table
        self._environments = environments
        self._loop = loop
        self._admins = admins
        self._read()

    def who(self, token_id: str, secret: str) -> Person | None:
        """The person these credentials authenticate, or None. Raises AuthError for valid ones that were revoked.

        Takes as long for unknown ids as for known ones.
        """
        if self._admins.verify(token_id, secret) is not None:
            return OWNER
        row = self._tokens.get(token_id)
        good = hmac.compare_digest(sha256(secret), row.sha256 if row else NOBODY)
        if row is None or not good:
            return None
        member = self._members[row.member_id]
        if row.deleted_at_ms is not None or member.deleted_at_ms is not None:
            raise AuthError(f"The API token {token_id} was revoked: ask a manager of the workspace for another one.")
        return self._person(member)

    def known_as(self, name: str) -> tuple[str, str] | None:
        """(user id, kind) of who is or was called `name`, as no name is given twice; the admin has no id."""
        row = next((row for row in self._members.values() if row.name == name), None)
        if row is not None:
            return row.member_id, row.kind
        return ("", USER) if name == ADMIN else None

    # ---- members

    def users(self) -> list[Json]:
        """The admin first, then in order of creation."""
        first: Json = {
            "name": ADMIN,
            "role": WorkspaceRole.OWNER.value,
            "user_id": "",
            "created_at": None,
            "created_by": None,
        }
        return [first, *(_line(row) for row in self._rows(USER))]

    def create_user(self, name: str, role: str, actor: Person) -> Json:
        """With a first token, whose secret is told only now.

        Raises InvalidError, AlreadyExistsError, PermissionDeniedError.
        """
        wanted = parse_workspace_role(role)
        _demand_over(actor, wanted)
        return self._create(name, USER, wanted, actor)

    def set_role(self, name: str, role: str, actor: Person) -> Json:
        """In the workspace. Raises InvalidError, NotFoundError, PermissionDeniedError."""
        row, wanted = self._find(name, USER), parse_workspace_role(role)
        _demand_over(actor, WorkspaceRole(row.role), wanted)
        self._note(records.member_updated(row.member_id, row.name, wanted.value, actor.name))
        return _line(self._find(name, USER))

    def delete(self, name: str, kind: str, actor: Person) -> Json:
        """With all tokens: when it returns, none of them is good any more. Raises NotFoundError, PermissionDeniedError."""
        row = self._find(name, kind)
        _demand_over(actor, WorkspaceRole(row.role))
        self._note(records.member_deleted(row.member_id, row.name, actor.name))
        return {"name": row.name}

    # ---- service users

    def services(self) -> list[Json]:
        return [self._service(row) for row in self._rows(SERVICE)]

    def service(self, name: str) -> Json:
        """Raises NotFoundError."""
        return self._service(self._find(name, SERVICE))

    def create_service(self, name: str, actor: Person) -> Json:
        """One without access anywhere, and its token. Raises InvalidError, AlreadyExistsError."""
        return self._create(name, SERVICE, WorkspaceRole.NONE, actor)

    # ---- roles in environments

    def roles(self, environment: str) -> list[Json]:
        """Of everybody who is not an owner or manager, there. Raises NotFoundError."""
        row = self._environments.find(environment)
        found = [member for member in self._members.values() if member.deleted_at_ms is None and member.role not in MANAGERS]
        return [self._role_line(row.environment_id, row.default_role, member) for member in found]

    def set_environment_role(self, environment: str, name: str, role: str, actor: Person) -> Json:
        """`default`: from now on none of their own. Raises InvalidError, NotFoundError, PermissionDeniedError."""
        place, row = self._environments.find(environment), self._find(name)
        if row.role in MANAGERS:
            raise InvalidError(f"{row.name!r} is {row.role} of the workspace and so contributor everywhere.")
        wanted = "" if role == DEFAULT else parse_role(role).value
        both = (place.environment_id, place.name), (row.member_id, row.name)
        self._note(records.member_role(*both, wanted, actor.name))
        return self._role_line(place.environment_id, place.default_role, self._find(name))

    # ---- API tokens

    def tokens(self, actor: Person) -> list[Json]:
        """One's own; for owners and managers those of everybody."""
        shown = [token for token in self._tokens.values() if self._shows(token, actor)]
        return [self._token_line(token) for token in shown]

    def create_token(self, name: str | None, actor: Person) -> Json:
        """One more for oneself, or for `name`. Raises NotFoundError, PermissionDeniedError, InvalidError for the admin."""
        if (name or actor.name) == ADMIN:
            raise InvalidError("The admin's token is in the data directory; make a member, and tokens for that one.")
        if actor.kind == SERVICE:
            raise PermissionDeniedError("A service user can't make tokens: a leaked one would outlive its deletion.")
        row = self._find(name or actor.name)
        if row.name != actor.name:
            _demand_over(actor, WorkspaceRole(row.role))
        token_id, secret, line = _new_token(row, actor)
        self._note(line)
        return {**self._token_line(self._tokens[token_id]), "token_secret": secret}

    def delete_token(self, token_id: str, actor: Person) -> Json:
        """It is not good any more when this returns. Raises NotFoundError, PermissionDeniedError."""
        token = self._tokens.get(token_id)
        if token is None or not self._shows(token, actor):
            raise NotFoundError(f"There is no API token {token_id!r}; see `homeport token list`.")
        member = self._members[token.member_id]
        if member.name != actor.name:
            _demand_over(actor, WorkspaceRole(member.role))
        self._note(records.api_token_deleted(token_id, member.name, actor.name))
        return {"token_id": token_id}

    # ---- helpers

    def _create(self, name: str, kind: str, role: WorkspaceRole, actor: Person) -> Json:
        self._refuse_name(name, kind)
        member_id = "us-" + random_text(22)
        row = MemberRow(member_id, name, kind, role.value, 0, actor.name)
        token_id, secret, line = _new_token(row, actor)
        self._note(records.member_created(member_id, name, kind, role.value, actor.name), line)
        made = self._members[member_id]
        shown = _line(made) if kind == USER else self._service(made)
        return {**shown, "token_id": token_id, "token_secret": secret}

    def _refuse_name(self, name: str, kind: str) -> None:
        if problem := names.object_name_problem("service user" if kind == SERVICE else "member", name):
            raise InvalidError(problem)
        if len(self._members) >= MEMBERS_MAX:
            raise InvalidError(f"The limit of {MEMBERS_MAX} members is reached.")
        taken = next((row for row in self._members.values() if row.name.lower() == name.lower()), None)
        if name.lower() == ADMIN or taken is not None:
            was = "was once" if taken is not None and taken.deleted_at_ms is not None else "is"
            raise AlreadyExistsError(f"There {was} a member or service user {name!r}: choose another name.")

    def _rows(self, kind: str) -> list[MemberRow]:
        return [row for row in self._members.values() if row.kind == kind and row.deleted_at_ms is None]

    def _find(self, name: str, kind: str | None = None) -> MemberRow:
        if name == ADMIN:
            raise InvalidError("The admin is always an owner, and can't be changed: the token is in the data directory.")
        for row in self._members.values():
            if name in (row.name, row.member_id) and row.deleted_at_ms is None and kind in (None, row.kind):
                return row
        what, where = ("service user", "service-users") if kind == SERVICE else ("member", "members")
        raise NotFoundError(f"There is no {what} {name!r}; see `homeport workspace {where} list`.")

    def _shows(self, token: ApiTokenRow, actor: Person) -> bool:
        return token.deleted_at_ms is None and (actor.manages or token.member_id == actor.member_id)

    def _person(self, row: MemberRow) -> Person:
        return Person(row.name, row.member_id, row.kind, WorkspaceRole(row.role), self._roles.get(row.member_id, {}))

    def _service(self, row: MemberRow) -> Json:
        there = {each.environment_id: each.name for each in self._environments.rows()}
        roles = {there[key]: role.value for key, role in self._roles.get(row.member_id, {}).items() if key in there}
        tokens = [t.token_id for t in self._tokens.values() if t.member_id == row.member_id and t.deleted_at_ms is None]
        return {**_line(row), "roles": dict(sorted(roles.items())), "tokens": tokens}

    def _role_line(self, environment_id: str, default_role: str, row: MemberRow) -> Json:
        own = self._roles.get(row.member_id, {}).get(environment_id)
        usual = Role.NO_ACCESS.value if row.kind == SERVICE else default_role
        return {"name": row.name, "kind": row.kind, "role": own.value if own else usual, "default": own is None}

    def _token_line(self, token: ApiTokenRow) -> Json:
        member = self._members[token.member_id]
        line = {"token_id": token.token_id, "member": member.name, "kind": member.kind}
        return {**line, "created_at": iso(token.created_at_ms), "created_by": token.created_by}

    def _note(self, *lines: Record) -> None:
        self._loop.note(*lines)
        self._read()

    def _read(self) -> None:
        self._members = {row.member_id: row for row in self._table.members()}
        self._tokens = {row.token_id: row for row in self._table.tokens()}
        self._roles: dict[str, dict[str, Role]] = {}
        for (environment_id, member_id), role in self._table.roles().items():
            self._roles.setdefault(member_id, {})[environment_id] = Role(role)


def _demand_over(actor: Person, *roles: WorkspaceRole) -> None:
    """Whoever changes somebody of these roles, or makes one, must be an owner if they are more than a member."""
    demand(actor, Need.OWN if any(role in MANAGERS for role in roles) else Need.MANAGE, None)


def _new_token(row: MemberRow, actor: Person) -> tuple[str, str, Record]:
    token_id, secret = "ak-" + random_text(22), "as-" + random_text(32)
    return token_id, secret, records.api_token_created(token_id, (row.member_id, row.name), sha256(secret), actor.name)


def _line(row: MemberRow) -> Json:
    made = {"created_at": iso(row.created_at_ms), "created_by": row.created_by}
    return {"name": row.name, "role": row.role, "user_id": row.member_id, **made}
