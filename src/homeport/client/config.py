"""Which platform to talk to, as whom. Reads the environment, `~/.homeport.toml` and the local platform's own files.

In this order: a data dir given on the command line > HOMEPORT_SERVER_URL > a profile asked for (HOMEPORT_PROFILE) >
HOMEPORT_DATA_DIR > the active profile > the local platform in /var/lib/homeport.
A token from one place is never sent to a server named in another; only HOMEPORT_TOKEN_ID and HOMEPORT_TOKEN_SECRET,
which a person set for this very call, go to any. Contacts nobody.
"""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import AuthError, ConnectionError, InvalidError, NotFoundError  # noqa: A004 - the public API's name for it

DEFAULT_DATA_DIR = Path("/var/lib/homeport")
DEFAULT_ENVIRONMENT = "main"
PROFILES = ".homeport.toml"
PROXY_TOKEN = "set HOMEPORT_PROXY_TOKEN_ID and HOMEPORT_PROXY_TOKEN_SECRET (homeport workspace proxy-tokens create)"


@dataclass(frozen=True, slots=True)
class Target:
    """A platform and the token to use there. `token_origin` says in words where the token came from.

    proxy_token: id and secret of the one for its Servers, where there is one.
    """

    server_url: str
    token_id: str
    token_secret: str
    token_origin: str
    environment: str = DEFAULT_ENVIRONMENT
    warnings: tuple[str, ...] = ()
    proxy_token: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"Target({self.server_url!r}, {self.token_id!r}, environment={self.environment!r})"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose on the command line; everything else comes from the environment and files."""

    data_dir: Path | None = None
    profile: str | None = None
    environment: str | None = None


def find(choice: Choice = Choice(), environ: Mapping[str, str] | None = None, home: Path | None = None) -> Target:
    """The platform to talk to.

    Raises ConnectionError when there is none, AuthError when there is no token for it or the token's file can't be
    read, NotFoundError for a profile that does not exist, InvalidError for a file that can't be used.
    """
    env = os.environ if environ is None else environ
    profiles = _Profiles.read((home or _home(env)) / PROFILES)
    wanted = choice.profile or env.get("HOMEPORT_PROFILE")
    if choice.data_dir is not None:
        found = _local(choice.data_dir)
    elif env.get("HOMEPORT_SERVER_URL"):
        found = Target(env["HOMEPORT_SERVER_URL"], "", "", "")
    elif wanted:
        found = profiles.named(wanted)
    elif env.get("HOMEPORT_DATA_DIR"):
        found = _local(Path(env["HOMEPORT_DATA_DIR"]))
    else:
        found = profiles.active() or _local(DEFAULT_DATA_DIR)
    environment = choice.environment or env.get("HOMEPORT_ENVIRONMENT") or found.environment
    return _with_token(found, environment, env)


def _home(env: Mapping[str, str]) -> Path:
    # A user without an entry in the machine's list has no home, and thus no profiles: that is no error.
    try:
        return Path.home()
    except RuntimeError:
        return Path(env.get("HOME") or "/nonexistent")


def _with_token(found: Target, environment: str, env: Mapping[str, str]) -> Target:
    token_id, token_secret, origin = found.token_id, found.token_secret, found.token_origin
    given = [env.get("HOMEPORT_TOKEN_ID", ""), env.get("HOMEPORT_TOKEN_SECRET", "")]
    if any(given) and not all(given):
        raise AuthError("Only one of HOMEPORT_TOKEN_ID and HOMEPORT_TOKEN_SECRET is set; set both, or neither.")
    if all(given):
        token_id, token_secret, origin = given[0], given[1], "HOMEPORT_TOKEN_ID and HOMEPORT_TOKEN_SECRET"
    if not (token_id and token_secret):
        raise AuthError(f"There is no token for {found.server_url}: set HOMEPORT_TOKEN_ID and HOMEPORT_TOKEN_SECRET.")
    url = found.server_url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise InvalidError(f"The platform's address {url!r} must start with http:// or https://.")
    _check_characters(token_id + token_secret, origin)
    return Target(url, token_id, token_secret, origin, environment, found.warnings, _proxy_token(found, env))


def _proxy_token(found: Target, env: Mapping[str, str]) -> tuple[str, str] | None:
    given = (env.get("HOMEPORT_PROXY_TOKEN_ID", ""), env.get("HOMEPORT_PROXY_TOKEN_SECRET", ""))
    if any(given):
        origin = "HOMEPORT_PROXY_TOKEN_ID and HOMEPORT_PROXY_TOKEN_SECRET"
    elif found.proxy_token is not None:
        given, origin = found.proxy_token, f"proxy_token_id and proxy_token_secret, {found.token_origin},"
    else:
        return None
    if not all(given):
        raise AuthError(f"Of {origin} only one is set; set both, or neither.")
    _check_characters("".join(given), origin)
    return given


def _check_characters(token: str, origin: str) -> None:
    if not token.isascii() or any(c.isspace() or c in '"\\' for c in token):
        raise AuthError(f"The token from {origin} contains characters that tokens never have; set it again.")


def _local(data_dir: Path) -> Target:
    """The platform whose data dir is on this machine, by the files that `homeport up` writes."""
    place, keys = data_dir / "run" / "platform.json", data_dir / "keys" / "admin-token.json"
    hint = "start one with `homeport up`, or set HOMEPORT_SERVER_URL, HOMEPORT_TOKEN_ID and HOMEPORT_TOKEN_SECRET"
    try:
        url = _text(place, _json(place), "api_url")
    except FileNotFoundError:
        raise ConnectionError(f"No platform is running in {data_dir}; {hint}.") from None
    except PermissionError:
        raise ConnectionError(
            f"The platform in {data_dir} belongs to another user; run this as that user, or {hint}."
        ) from None
    try:
        token = _json(keys)
        token_id, token_secret = _text(keys, token, "token_id"), _text(keys, token, "token_secret")
    except (FileNotFoundError, PermissionError):
        # Not an error yet: the environment may hold a token.
        return Target(url, "", "", "")
    return Target(url, token_id, token_secret, str(keys))


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        raise InvalidError(f"{path} is not JSON; end the platform with `homeport down` and start it again.") from None
    return value if isinstance(value, dict) else {}


def _text(path: Path, table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidError(f"{path} has no text under {key!r}; set it there.")
    return value


@dataclass(frozen=True, slots=True)
class _Profiles:
    path: Path
    tables: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> _Profiles:
        try:
            status = path.stat()
            if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_uid not in (0, os.geteuid()):
                raise InvalidError(f"{path} is writable by others, so it is not used; run `chmod 600 {path}` as its owner.")
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(path, {})
        except (OSError, ValueError) as error:
            raise InvalidError(f"{path} can't be used: {error}.") from None
        tables = {name: table for name, table in content.items() if isinstance(table, dict)}
        readable = status.st_mode & (stat.S_IRGRP | stat.S_IROTH) and any(
            table.keys() & {"token_secret", "proxy_token_secret"} for table in tables.values()
        )
        return cls(
            path,
            tables,
            (f"{path} contains a token and is readable by others; run `chmod 600 {path}`.",) if readable else (),
        )

    def named(self, name: str) -> Target:
        if name not in self.tables:
            known = ", ".join(self.tables) or "none"
            raise NotFoundError(f"There is no profile {name!r} in {self.path}; known: {known}.")
        return self._target(name)

    def active(self) -> Target | None:
        chosen = [name for name, table in self.tables.items() if table.get("active") is True]
        if len(chosen) > 1:
            raise InvalidError(
                f"{self.path} has more than one active profile: {', '.join(chosen)}; keep `active = true` in one."
            )
        return self._target(chosen[0]) if chosen else None

    def _target(self, name: str) -> Target:
        table = self.tables[name]
        environment = table.get("environment", DEFAULT_ENVIRONMENT)
        if not isinstance(environment, str):
            raise InvalidError(f"{self.path}, profile {name!r}: `environment` must be text.")
        token = self._pair(name, "token_id", "token_secret")
        proxy = self._pair(name, "proxy_token_id", "proxy_token_secret")
        origin = f"profile {name!r} in {self.path}"
        url = _text(self.path, table, "server_url")
        return Target(url, *token, origin, environment, self.warnings, proxy if any(proxy) else None)

    def _pair(self, name: str, first: str, second: str) -> tuple[str, str]:
        pair = (self.tables[name].get(first, ""), self.tables[name].get(second, ""))
        if not all(isinstance(part, str) for part in pair):
            raise InvalidError(f"{self.path}, profile {name!r}: `{first}` and `{second}` must be text.")
        return pair
