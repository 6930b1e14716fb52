"""`Volume`: files that outlive containers. An immutable value; looks nothing up by being made. Runs in containers too."""

from __future__ import annotations

from .references import check_name
from .remote import is_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..manifest.schema import VolumeMount
    from .needs import Resolver


class Volume:
    """Made by `Volume.from_name("data")`."""

    __slots__ = ("_create_if_missing", "_environment", "_name")
    _name: str
    _environment: str | None
    _create_if_missing: bool

    def __init__(self) -> None:
        from ..errors import InvalidError

        raise InvalidError("Name a Volume by `Volume.from_name(...)`, not by `Volume()`.")

    @classmethod
    def from_name(cls, name: str, *, environment_name: str | None = None, create_if_missing: bool = False) -> Volume:
        """The Volume `name` of an environment (None: the App's). Raises InvalidError for a name that is not legal."""
        if is_local():
            check_name("Volume", name)
        made = object.__new__(cls)
        made._name, made._environment, made._create_if_missing = name, environment_name, create_if_missing
        return made

    def _mount(self, path: str, resolver: Resolver) -> VolumeMount:
        """At an absolute path, as the manifest names it. Raises what the resolver raises."""
        from ..manifest.schema import VolumeMount

        volume_id = resolver.volume(self._name, self._environment, self._create_if_missing)
        return VolumeMount(path, volume_id, self._name)

    def __repr__(self) -> str:
        return f"Volume.from_name({self._name!r})"
