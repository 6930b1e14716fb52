"""Proxies by name: what `@app.server(proxy=)` takes and the manifest records. Whether there is one is for the platform to
say at deploy. Runs in containers too.
"""

from __future__ import annotations

from .remote import is_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class _Reference:
    """A name of something that lives on the platform."""

    _kind = ""

    def __init__(self) -> None:
        from ..errors import InvalidError

        raise InvalidError(f"Name a {self._kind} by `{self._kind}.from_name(...)`, not by `{self._kind}()`.")

    @classmethod
    def from_name(cls, name: str) -> Self:
        """The one called `name` in the App's environment. Raises InvalidError for a name that is not legal."""
        if is_local():
            check_name(cls._kind, name)
        made = object.__new__(cls)
        made.name = name
        return made

    name: str

    def __repr__(self) -> str:
        return f"{self._kind}.from_name({self.name!r})"


class Proxy(_Reference):
    """A fixed address for outbound traffic."""

    _kind = "Proxy"


def check_name(kind: str, name: object) -> None:
    """Raises InvalidError for what can't name such an object."""
    from ..errors import InvalidError
    from ..manifest.names import object_name_problem

    problem = (
        object_name_problem(kind, name) if isinstance(name, str) else f"The name of a {kind} must be text, not {name!r}."
    )
    if problem:
        raise InvalidError(problem)


def check_max_objects(max_objects: int | None) -> None:
    """Raises InvalidError for what `objects.list` can't stop at."""
    from ..errors import InvalidError

    if max_objects is not None and max_objects < 0:
        raise InvalidError("max_objects cannot be negative.")
