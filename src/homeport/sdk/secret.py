"""`Secret`: environment variables that the platform keeps. An immutable value; looks nothing up. Runs in containers too."""

from __future__ import annotations

from .references import check_name
from .remote import is_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..manifest.schema import SecretRef
    from .needs import Resolver


class Secret:
    """Made by one of its class methods, as `Secret.from_name("api-key")`."""

    __slots__ = ("_environment", "_name", "_required_keys")
    _name: str
    _environment: str | None
    _required_keys: tuple[str, ...]

    def __init__(self) -> None:
        from ..errors import InvalidError

        raise InvalidError("Name a Secret by `Secret.from_name(...)`, not by `Secret()`.")

    @classmethod
    def from_name(
        cls, name: str, *, environment_name: str | None = None, required_keys: list[str] | tuple[str, ...] = ()
    ) -> Secret:
        """The Secret `name` of an environment (None: the App's).

        required_keys: what it must have; a deploy is refused before anything starts if one is missing.
        Raises InvalidError for a name that is not legal.
        """
        if is_local():
            check_name("Secret", name)
        made = object.__new__(cls)
        made._name, made._environment, made._required_keys = name, environment_name, tuple(required_keys)
        return made

    def _ref(self, resolver: Resolver) -> SecretRef:
        """As the manifest names it. Raises what the resolver raises."""
        from ..manifest.schema import SecretRef

        secret_id = resolver.named_secret(self._name, self._environment, self._required_keys)
        return SecretRef(secret_id, self._name, self._required_keys)

    def __repr__(self) -> str:
        return f"Secret.from_name({self._name!r})"
