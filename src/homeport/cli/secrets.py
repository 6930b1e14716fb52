"""`homeport secret`: environment variables that the platform keeps, and hands to containers only (semantics 6.1.5).

Values can be given so that none of them stands in a shell's history: from a file, or from standard input.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from .. import errors
from . import render, text
from .connect import confirm, connected
from .options import Environment, Json, Yes

group = typer.Typer(
    help="Secrets: environment variables that the platform keeps.", no_args_is_help=True, rich_markup_mode=None
)

HEADERS = ("Name", "Keys", "Created at", "Created by", "Updated at")
STDIN = "-"

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the Secret.", show_default=False)]
Pairs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[K=V]...", help="Values; - alone reads K=V lines from standard input.", show_default=False),
]
Dotenv = Annotated[
    Path | None, typer.Option("--from-dotenv", metavar="PATH", help="Read values from a .env file; - is standard input.")
]
FromJson = Annotated[
    Path | None, typer.Option("--from-json", metavar="PATH", help="Read values from a JSON object; - is standard input.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace all values of a Secret that is there already.")]


@group.command("create", epilog="Example: homeport secret create api-key --from-dotenv .env")
def create(  # noqa: PLR0913 - one parameter for each option
    context: typer.Context,
    name: Name,
    pairs: Pairs = None,
    *,
    from_dotenv: Dotenv = None,
    from_json: FromJson = None,
    force: Force = False,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Create a Secret. Its values are never shown again."""
    values = _values(pairs or [], from_dotenv, from_json)
    from ..client import secrets as client_secrets
    from ..manifest.names import object_name_problem
    from ..manifest.variables import secret_problem

    problem = object_name_problem("Secret", name) or secret_problem(values)
    if problem:
        raise errors.InvalidError(problem)
    with connected(context, env) as client:
        made = client_secrets.create(client, name, client.target.environment, values, overwrite=force)
        environment = client.target.environment
    line = f"✓ Secret '{name}' is in the '{environment}' environment with {_listed(made['keys'])}."
    render.done(made, as_json, line)
    render.note(f'Use it in code: homeport.Secret.from_name("{name}")')


@group.command("list", epilog="Example: homeport secret list --json")
def list_secrets(context: typer.Context, env: Environment = None, as_json: Json = False) -> None:
    """List Secrets and their keys; never their values."""
    from ..client import secrets as client_secrets

    with connected(context, env) as client:
        environment = client.target.environment
        found = client_secrets.listed(client, environment)
    if as_json:
        render.value(found)
        return
    rows = [
        (
            *(secret["name"], ", ".join(secret["keys"]), text.local_time(secret["created_at"]), secret["created_by"]),
            text.local_time(secret["updated_at"]),
        )
        for secret in found
    ]
    render.table(f"Secrets in environment '{environment}'", HEADERS, rows)


@group.command("delete", epilog="Example: homeport secret delete api-key --yes")
def delete(context: typer.Context, name: Name, env: Environment = None, yes: Yes = False) -> None:
    """Delete a Secret. Running containers keep it; new ones that need it fail to start."""
    from ..client import secrets as client_secrets

    with connected(context, env) as client:
        environment = client.target.environment
        if not yes and name in {secret["name"] for secret in client_secrets.listed(client, environment)}:
            confirm(delete_question(name, environment))
        client_secrets.delete(client, name, environment)
    render.out(f"✓ Secret '{name}' is deleted.", "green")


@group.command("rotate-key", epilog="Example: homeport secret rotate-key")
def rotate_key(context: typer.Context) -> None:
    """Encrypt all Secrets with a new key, and forget the old one. Nothing restarts, and no version changes."""
    from ..client import secrets as client_secrets

    with connected(context) as client:
        done = client_secrets.rotate_key(client)
    render.out(f"✓ {text.counted(done['secrets'], 'Secret')} encrypted with the new key {done['key_id']}.", "green")


def delete_question(name: str, environment: str) -> str:
    return (
        f"Are you sure you want to delete the Secret '{name}' from the '{environment}' environment?\n"
        "Apps that use it can't start containers until they are deployed with another one."
    )


def _values(pairs: list[str], dotenv: Path | None, json_file: Path | None) -> dict[str, str]:
    """From the one source that was named. Raises UsageError, InvalidError and NotFoundError; none of them tells a value."""
    if sum(map(bool, (pairs, dotenv, json_file))) != 1:
        raise errors.UsageError(
            "Give the values in one way: as KEY=VALUE, as - to read such lines from standard input, "
            "by --from-dotenv, or by --from-json."
        )
    if dotenv is not None:
        from ..sdk.dotenv import read, read_stream

        return read_stream(sys.stdin) if str(dotenv) == STDIN else read(dotenv)
    if json_file is not None:
        return _from_json(json_file)
    if pairs == [STDIN]:
        lines = (line.rstrip("\r\n") for line in sys.stdin)
        return _split((line for line in lines if line.strip() and not line.startswith("#")), "a line of standard input")
    return _split(pairs, "an argument")


def _split(pairs: Iterable[str], what: str) -> dict[str, str]:
    values = {}
    for number, pair in enumerate(pairs, 1):
        key, separator, value = pair.partition("=")
        if not separator:
            # what it holds may be the value itself
            raise errors.UsageError(f"Every value has to be written KEY=VALUE; {what} (number {number}) has no '='.")
        values[key.strip()] = value
    return values


def _from_json(path: Path) -> dict[str, str]:
    import json

    try:
        data = json.loads(sys.stdin.read() if str(path) == STDIN else path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise errors.NotFoundError(f"There is no file {path}.") from None
    except OSError as error:
        raise errors.InvalidError(f"{path} can't be read: {error.strerror}.") from None
    except ValueError:
        raise errors.InvalidError(f"{path} is not JSON; it has to be one object of keys and values.") from None
    if not isinstance(data, dict):
        raise errors.InvalidError(f"{path} has to hold one JSON object of keys and values.")
    wrong = [key for key, value in data.items() if not isinstance(value, str | type(None))]
    if wrong:
        raise errors.InvalidError(f"{path}: the value of {wrong[0]} has to be text in quotes.")
    return {key: value for key, value in data.items() if value is not None}


def _listed(keys: list[str]) -> str:
    return f"the key{'s' if len(keys) > 1 else ''} {', '.join(keys)}" if keys else "no keys"
