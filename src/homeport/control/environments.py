"""Environments: namespaces for Apps and their URLs (semantics 6.4.1 to 6.4.3). Owns their names, and what may change.

`main` is there from the start, without a web suffix. A name or web suffix is part of what runs (URLs, variables inside
containers), so neither changes, and no environment goes, while an App in it has not stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..core import ids
from ..core.states import AppState
from ..errors import AlreadyExistsError, ConflictError, InvalidError, NotFoundError, ResourceExhaustedError
from ..manifest import names
from ..store import records
from ..store.environments import EnvironmentRow, EnvironmentTable
from ..store.history import History
from .access import Place, Role, parse_role
from .hints import did_you_mean
from .loop import ControlLoop
from .views import Json, iso

MAIN = "main"
ENVIRONMENTS_MAX = 1500
APPS_NAMED = 5


@dataclass(frozen=True, slots=True)
class Update:
    """None: stays as it is. The empty web suffix means that its URLs have none."""

    name: str | None = None
    web_suffix: str | None = None
    restricted: bool | None = None
    default_role: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """A restricted environment is closed to other environments' Apps, and to members without a role of their own there.

    `default_role` None: no-access if restricted, else contributor (semantics 6.4.5, 6.4.6).
    """

    restricted: bool = False
    default_role: str | None = None

    def as_data(self) -> dict[str, object]:
        """Raises InvalidError for an unknown role."""
        usual = Role.NO_ACCESS if self.restricted else Role.CONTRIBUTOR
        role = usual if self.default_role is None else parse_role(self.default_role)
        return {"restricted": self.restricted, "default_role": role.value}


class Environments:
    """Used from the control loop's thread only, so that between a look and a record nothing happens."""

    def __init__(self, table: EnvironmentTable, history: History, loop: ControlLoop) -> None:
        """Writes down `main` on a new platform, and on one of before there were environments those that were used."""
        self._table = table
        self._loop = loop
        self.needed_by: list[Callable[[str], None]] = []  # each raises ConflictError for an environment that has to stay
        self._ever = table.rows()
        if not self._ever:
            for name in dict.fromkeys([MAIN, *(app.environment for app in history.apps())]):
                self._write_new(name, "" if name == MAIN else names.normalise(name), "")

    def find(self, name: str) -> EnvironmentRow:
        """Raises NotFoundError in words: what there is that is spelled alike, and how to make one."""
        rows = self._rows()
        found = next((row for row in rows if row.name == name), None)
        if found is not None:
            return found
        hint = did_you_mean(name, (row.name for row in rows))
        raise NotFoundError(f"There is no environment {name!r}.{hint} Make it with `homeport environment create {name}`.")

    def suffix(self, name: str) -> str:
        """What tells its URLs from those of others. Raises as `find`."""
        return self.find(name).web_suffix

    def name_of(self, environment_id: str) -> str:
        """Empty for one that is deleted, or never was."""
        return next((row.name for row in self._rows() if row.environment_id == environment_id), "")

    def ids(self) -> frozenset[str]:
        """Of those that are not deleted."""
        return frozenset(row.environment_id for row in self._rows())

    def lines(self) -> list[Json]:
        return [self._line(row) for row in self._rows()]

    def rows(self) -> list[EnvironmentRow]:
        """All that there are, in order of creation."""
        return self._rows()

    def place(self, name: str) -> Place:
        """What roles are judged by. Raises as `find`."""
        row = self.find(name)
        return Place(row.environment_id, row.name, row.default_role, row.restricted)

    def create(self, name: str, web_suffix: str | None, actor: str, access: Access = Access()) -> Json:
        """`web_suffix` None: made from the name.

        Raises InvalidError for what is not legal, AlreadyExistsError for a name or suffix that is taken,
        ResourceExhaustedError beyond 1,500, OSError for the disk.
        """
        rows = self._rows()
        if len(rows) >= ENVIRONMENTS_MAX:
            raise ResourceExhaustedError(f"The limit of {ENVIRONMENTS_MAX} environments is reached: delete one.")
        suffix = names.web_suffix_of(name) if web_suffix is None else web_suffix
        refuse_name(name, rows)
        refuse_suffix(suffix, rows)
        return self._line(self._write_new(name, suffix, actor, access))

    def update(self, name: str, wanted: Update, actor: str) -> Json:
        """Raises as `create`; NotFoundError; ConflictError while an App in it has not stopped."""
        row = self.find(name)
        new_name = row.name if wanted.name is None else wanted.name
        suffix = row.web_suffix if wanted.web_suffix is None else wanted.web_suffix
        access = _access(row, wanted).as_data()
        same_place = (new_name, suffix) == (row.name, row.web_suffix)
        if same_place and access == {"restricted": row.restricted, "default_role": row.default_role}:
            return self._line(row)
        if not same_place:
            self._refuse_move(row, new_name, suffix)
        now = {"name": new_name, "web_suffix": suffix, **access}
        self._loop.note(records.environment_updated(row.environment_id, row.name, now, actor))
        self._ever = self._table.rows()
        return self._line(self.find(new_name))

    def delete(self, name: str, actor: str) -> Json:
        """What is known of the stopped Apps in it stays readable by their ids.

        Raises NotFoundError, InvalidError for `main`, ConflictError while an App in it has not stopped.
        """
        row = self.find(name)
        if row.name == MAIN:
            raise InvalidError(f"The environment {MAIN!r} can't be deleted: it is the default.")
        self._refuse_in_use(row.name, "deleted")
        for refuse in self.needed_by:
            refuse(row.name)
        self._loop.note(records.environment_deleted(row.environment_id, row.name, actor))
        self._ever = self._table.rows()
        return {"name": row.name}

    def _rows(self) -> list[EnvironmentRow]:
        return [row for row in self._ever if row.deleted_at_ms is None]

    def _refuse_move(self, row: EnvironmentRow, name: str, suffix: str) -> None:
        others = [other for other in self._rows() if other is not row]
        if name != row.name:
            if row.name == MAIN:
                raise InvalidError(f"The environment {MAIN!r} can't be renamed: it is the default.")
            refuse_name(name, others)
        if suffix != row.web_suffix:
            refuse_suffix(suffix, others)
        self._refuse_in_use(row.name, "changed: its name and web suffix are in the URLs and containers of what runs there")

    def _write_new(self, name: str, suffix: str, actor: str, access: Access = Access()) -> EnvironmentRow:
        environment_id = ids.environment_id(self._loop.world.tag, len(self._ever) + 1)
        self._loop.note(records.environment_created(environment_id, name, suffix, actor, access.as_data()))
        self._ever = self._table.rows()
        return self._ever[-1]

    def _line(self, row: EnvironmentRow) -> Json:
        return {
            "name": row.name,
            "web_suffix": row.web_suffix,
            "apps": len(self._apps(row.name)),
            "restricted": row.restricted,
            "default_role": row.default_role,
            "created_at": iso(row.created_at_ms),
            "created_by": row.created_by,
        }

    def _apps(self, name: str) -> list[str]:
        """Names of the Apps in it that have not stopped."""
        apps = self._loop.world.apps.values()
        return [app.name for app in apps if app.environment == name and app.state is not AppState.STOPPED]

    def _refuse_in_use(self, name: str, what: str) -> None:
        apps = self._apps(name)
        if apps:
            more = f" and {len(apps) - APPS_NAMED} more" if len(apps) > APPS_NAMED else ""
            raise ConflictError(
                f"The environment {name!r} can't be {what}. Stop {', '.join(apps[:APPS_NAMED])}{more} first "
                f"(`homeport app stop {apps[0]} -e {name}`)."
            )


def _access(row: EnvironmentRow, wanted: Update) -> Access:
    """A role that was chosen stays; one that followed from `restricted` follows its change."""
    if wanted.restricted is None or wanted.restricted == row.restricted:
        return Access(row.restricted, wanted.default_role or row.default_role)
    usual = Access(row.restricted).as_data()["default_role"] == row.default_role
    return Access(wanted.restricted, wanted.default_role or (None if usual else row.default_role))


def refuse_name(name: str, others: Sequence[EnvironmentRow]) -> None:
    problem = names.object_name_problem("environment", name)
    if problem:
        raise InvalidError(problem)
    if any(other.name == name for other in others):
        raise AlreadyExistsError(f"Environment {name!r} exists already; see `homeport environment list`.")


def refuse_suffix(suffix: str, others: Iterable[EnvironmentRow]) -> None:
    """Two environments with the same one would give two Apps of the same name the same URL."""
    problem = names.web_suffix_problem(suffix)
    if problem:
        raise InvalidError(problem)
    taken = next((other.name for other in others if other.web_suffix == suffix), None)
    if taken is None:
        return
    if not suffix:
        raise AlreadyExistsError(f"Only one environment can have no web suffix, and {taken!r} has none: choose one.")
    raise AlreadyExistsError(
        f"The web suffix {suffix!r} belongs to the environment {taken!r}: choose another with --web-suffix."
    )
