"""`Secret`: environment variables that the platform keeps. An immutable value; looks nothing up by being made. Runs in
containers too, where its definition is not needed any more, and nothing is checked or read.
"""

from __future__ import annotations

from .references import check_max_objects, check_name
from .remote import is_local
from .twins import class_twin, twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..client.http import Client
    from ..client.secrets import SecretInfo
    from ..manifest.schema import SecretRef
    from .needs import Resolver


class SecretManager:
    """`Secret.objects`: creates, lists and deletes Secrets by name."""

    @twin
    def create(
        self,
        name: str,
        env_dict: Mapping[str, str | None],
        *,
        allow_existing: bool = False,
        environment_name: str | None = None,
        client: Client | None = None,
    ) -> None:
        """Creates the Secret `name`.

        env_dict: its variables; a key whose value is None is left out. allow_existing: leave one that exists as it is.
        environment_name: None is the current environment. client: None is the platform that this process is configured for.
        Raises AlreadyExistsError unless `allow_existing`, InvalidError, NotFoundError for the environment.
        """
        from ..client import secrets
        from ..errors import AlreadyExistsError
        from .connect import session

        with session(client, environment_name) as (calls, environment):
            try:
                secrets.create(calls, name, environment, _checked(env_dict), overwrite=False)
            except AlreadyExistsError:
                if not allow_existing:
                    raise

    @twin
    def list(
        self, *, max_objects: int | None = None, environment_name: str | None = None, client: Client | None = None
    ) -> list[Secret]:
        """The named Secrets of an environment, by name.

        max_objects: return at most this many. environment_name: None is the current environment. client: None is the
        platform that this process is configured for.
        Raises InvalidError for a negative `max_objects`.
        """
        from ..client import secrets
        from .connect import session

        check_max_objects(max_objects)
        with session(client, environment_name) as (calls, environment):
            found = secrets.listed(calls, environment)
        return [Secret.from_name(info["name"], environment_name=environment) for info in found[:max_objects]]

    @twin
    def delete(
        self,
        name: str,
        *,
        allow_missing: bool = False,
        environment_name: str | None = None,
        client: Client | None = None,
    ) -> None:
        """Deletes the Secret `name`.

        allow_missing: do nothing if there is none. environment_name: None is the current environment. client: None is the
        platform that this process is configured for.
        Raises NotFoundError unless `allow_missing`.
        """
        from ..client import secrets
        from ..errors import NotFoundError
        from .connect import session

        with session(client, environment_name) as (calls, environment):
            try:
                secrets.delete(calls, name, environment)
            except NotFoundError:
                if not allow_missing:
                    raise


class Secret:
    """Environment variables for containers and build steps; get one by a class method, as `Secret.from_name("api-key")`."""

    __slots__ = ("_environment", "_name", "_required_keys", "_values")
    _name: str  # empty for one that was made from values
    _environment: str | None
    _required_keys: tuple[str, ...]
    _values: Mapping[str, str]

    objects = SecretManager()

    def __init__(self) -> None:
        from ..errors import InvalidError

        raise InvalidError("Name a Secret by `Secret.from_name(...)`, not by `Secret()`.")

    @classmethod
    def from_name(cls, name: str, *, environment_name: str | None = None, required_keys: Sequence[str] = ()) -> Secret:
        """The Secret `name` that the platform keeps. Does no I/O.

        environment_name: where it is; None is the App's environment. required_keys: keys that it must have; if one is
        missing, a deploy is refused before anything starts.
        Raises InvalidError for a name that is not legal.
        """
        if is_local():
            check_name("Secret", name)
        return cls._of(name, {}, environment_name, tuple(required_keys))

    @classmethod
    def from_dict(cls, env_dict: Mapping[str, str | None] = {}) -> Secret:
        """A Secret of the values in `env_dict`; a key whose value is None is left out.

        Other values make another version of the App at the next deploy, equal ones don't. Raises InvalidError.
        """
        return cls._of("", _checked(env_dict) if is_local() else {})

    @classmethod
    def from_local_environ(cls, env_keys: Sequence[str]) -> Secret:
        """A Secret of these variables (`env_keys`) of the machine that deploys. Raises InvalidError naming one that is not
        set.
        """
        if not is_local():
            return cls._of("", {})
        import os

        from ..errors import InvalidError

        missing = [key for key in env_keys if key not in os.environ]
        if missing:
            raise InvalidError(f"Could not find local environment variable {missing[0]!r} for Secret.from_local_environ.")
        return cls.from_dict({key: os.environ[key] for key in env_keys})

    @classmethod
    def from_dotenv(cls, path: str | None = None, *, filename: str = ".env") -> Secret:
        """A Secret of what a `.env` file says.

        path: the file, or the folder where the search for `filename` begins; it goes on in the folders above. None is the
        current folder. Raises NotFoundError when there is none, InvalidError for one that can't be read.
        """
        if not is_local():
            return cls._of("", {})
        from pathlib import Path

        from .dotenv import find, read

        return cls.from_dict(read(find(Path(path or "."), filename)))

    @twin
    def update(self, env_dict: Mapping[str, str | None], *, client: Client | None = None) -> None:
        """Adds `env_dict` to the values that the platform keeps under this name; a key whose value is None is left out.

        Running containers keep the old values; `homeport app rollover` renews them. client: None is the platform that this
        process is configured for. Raises InvalidError for a Secret without a name, NotFoundError when there is none of this
        name.
        """
        from ..client import secrets
        from ..errors import InvalidError
        from .connect import session

        if not self._name:
            raise InvalidError("Only a Secret with a name can be updated: one made from values has just those.")
        with session(client, self._environment) as (calls, environment):
            secrets.update(calls, self._name, environment, _checked(env_dict))

    @twin
    def info(self, *, client: Client | None = None) -> SecretInfo:
        """Its id, its keys, and when it was created and changed. client: as in `update`. Raises as `update`."""
        from ..client import secrets
        from ..errors import InvalidError, NotFoundError
        from .connect import session

        if not self._name:
            raise InvalidError("Only a Secret with a name can be looked up.")
        with session(client, self._environment) as (calls, environment):
            found = next((s for s in secrets.listed(calls, environment) if s["name"] == self._name), None)
        if found is None:
            raise NotFoundError(f"There is no Secret {self._name!r} in the {environment!r} environment.")
        return found

    @class_twin
    def create_deployed(
        cls: type[Secret],
        deployment_name: str,
        env_dict: Mapping[str, str | None],
        *,
        overwrite: bool = False,
        environment_name: str | None = None,
        client: Client | None = None,
    ) -> str:
        """Creates a named Secret and returns its id.

        deployment_name: its name. env_dict: as in `objects.create`. overwrite: replace all values of one that exists.
        environment_name: None is the current environment. client: None is the platform that this process is configured for.
        Raises AlreadyExistsError unless `overwrite`, InvalidError.
        """
        from ..client import secrets
        from .connect import session

        with session(client, environment_name) as (calls, environment):
            made = secrets.create(calls, deployment_name, environment, _checked(env_dict), overwrite=overwrite)
        return str(made["secret_id"])

    @classmethod
    def _of(
        cls, name: str, values: Mapping[str, str], environment: str | None = None, required_keys: tuple[str, ...] = ()
    ) -> Secret:  # fmt: skip
        made = object.__new__(cls)
        made._name, made._values, made._environment, made._required_keys = name, values, environment, required_keys
        return made

    def _ref(self, resolver: Resolver) -> SecretRef:
        """As the manifest names it. Raises what the resolver raises."""
        from ..manifest.schema import SecretRef

        if not self._name:
            return SecretRef(resolver.value_secret(self._values))
        secret_id = resolver.named_secret(self._name, self._environment, self._required_keys)
        return SecretRef(secret_id, self._name, self._required_keys)

    def __repr__(self) -> str:
        return f"Secret.from_name({self._name!r})" if self._name else f"Secret with {', '.join(self._values) or 'no keys'}"


def refs(secrets: Sequence[Secret], resolver: Resolver) -> tuple[SecretRef, ...]:
    """As the manifest names them. One that is named several times stands where it does last, and must have all keys that are
    required anywhere. Raises what the resolver raises.
    """
    from dataclasses import replace

    found: dict[str, SecretRef] = {}
    for secret in secrets:
        ref = secret._ref(resolver)
        before = found.pop(ref.secret_id, None)
        keys = dict.fromkeys((*(before.required_keys if before else ()), *ref.required_keys))
        found[ref.secret_id] = replace(ref, required_keys=tuple(keys))
    return tuple(found.values())


def _checked(env_dict: object) -> dict[str, str]:
    """Without keys whose value is None. Raises InvalidError, which names keys and tells no value."""
    from collections.abc import Mapping

    from ..errors import InvalidError
    from ..manifest.variables import secret_problem

    if not isinstance(env_dict, Mapping):
        raise InvalidError("A Secret has to be made from a dictionary of text.")
    for key, value in env_dict.items():
        if not isinstance(key, str) or not (value is None or isinstance(value, str)):
            raise InvalidError(f"A Secret has to be made from a dictionary of text; {str(key)[:40]!r} or its value is not.")
    values = {key: value for key, value in env_dict.items() if value is not None}
    problem = secret_problem(values)
    if problem:
        raise InvalidError(problem)
    return values
