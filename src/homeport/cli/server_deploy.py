"""`homeport server deploy`: an image with a program of its own as a Server, without Python (semantics 2.6.1 to 2.6.7)."""

from __future__ import annotations

import shlex
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import errors
from . import deploy, render
from .connect import confirm, connected
from .options import Environment, Json, Yes, taking

if TYPE_CHECKING:
    from ..client.http import Client
    from ..sdk.image import Image
    from ..sdk.secret import Secret

NONE = "none"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `server deploy`, in the order of its help."""

    image: Annotated[str, typer.Option("--image", metavar="REF", help="ghcr.io/org/name:tag, or a published image's name.")]
    port: Annotated[int, typer.Option("--port", metavar="PORT", help="Port that its program listens on.")]
    registry_secret: Annotated[str | None, typer.Option(metavar="NAME", help="Secret with the registry's login.")] = None
    registry_secret_from_env: Annotated[
        str | None,
        typer.Option(metavar="KEYS", help="Login from local variables."),
    ] = None
    force_build: Annotated[bool, typer.Option("--force-build", help="Fetch the image anew.")] = False
    entrypoint: Annotated[str | None, typer.Option(metavar="WORDS", help="Instead of the image's; clears its CMD.")] = None
    cmd: Annotated[str | None, typer.Option("--cmd", metavar="WORDS", help="Instead of the image's CMD.")] = None
    env_var: Annotated[list[str] | None, typer.Option("--env-var", metavar="K=V", help="Repeatable.")] = None
    secret: Annotated[list[str] | None, typer.Option("--secret", metavar="NAME", help="Repeatable.")] = None
    secret_from_env: Annotated[str | None, typer.Option(metavar="KEYS", help="Local variables as a Secret: A,B.")] = None
    volume: Annotated[list[str] | None, typer.Option("--volume", metavar="NAME:PATH", help="Repeatable.")] = None
    cpu: Annotated[str | None, typer.Option(metavar="CORES[,LIMIT]", help="Request, and hard limit.")] = None
    memory: Annotated[str | None, typer.Option(metavar="MIB[,LIMIT]", help="Request, and hard limit.")] = None
    gpu: Annotated[str | None, typer.Option(metavar="GPU[,FALLBACK...]", help="In order of preference.")] = None
    region: Annotated[str, typer.Option(metavar="REGION", help="Where requests come in.")] = "us-east"
    unauthenticated: Annotated[bool, typer.Option("--unauthenticated", help="Let everybody in.")] = False
    h2: Annotated[bool, typer.Option("--h2", help="Speak h2c to the program.")] = False
    sessioned: Annotated[bool, typer.Option("--sessioned", help="Requests belong to sessions.")] = False
    target_concurrency: Annotated[str | None, typer.Option(metavar="FLOAT|none", help="Requests per container.")] = None
    max_concurrency: Annotated[str | None, typer.Option(metavar="INT|none", help="Most requests per container.")] = None
    min_containers: Annotated[int | None, typer.Option(metavar="INT")] = None
    max_containers: Annotated[str | None, typer.Option(metavar="INT|none")] = None
    buffer_containers: Annotated[int | None, typer.Option(metavar="INT")] = None
    scaleup_window: Annotated[int | None, typer.Option(metavar="SECONDS")] = None
    scaledown_window: Annotated[int | None, typer.Option(metavar="SECONDS")] = None
    startup_timeout: Annotated[int, typer.Option(metavar="SECONDS")] = 30
    exit_grace_period: Annotated[int, typer.Option(metavar="SECONDS")] = 0
    app_name: Annotated[str | None, typer.Option(metavar="NAME", help="[default: the repository's name]")] = None
    stream_logs: Annotated[bool, typer.Option("--stream-logs", help="Follow the App's log afterwards.")] = False
    yes: Yes = False
    env: Environment = None
    as_json: Json = False


def register(group: typer.Typer) -> None:
    example = "Example: homeport server deploy --image ghcr.io/traefik/whoami:v1.10 --port 80 --unauthenticated"
    group.command("deploy", epilog=example)(server_deploy)


@taking(Asked)
def server_deploy(context: typer.Context, asked: Asked) -> None:
    """Deploy an image that has its own program as a Server. No Python is needed, here or in it."""
    from ..sdk import image_server

    name = asked.app_name or image_server.app_name_of(asked.image)
    settings, command, login = settings_of(asked), command_of(asked), login_of(asked)
    with connected(context, asked.env) as client:
        image = image_of(asked, login, frozenset(found["name"] for found in client.image_names()))
        app = image_server.app_of(name, image, command, settings)
        if not asked.yes and _is_deployed(client, name):
            confirm(f"App {name!r} is already deployed. Redeploying replaces everything in it.")
        _announce_volumes(client, asked)
    request = deploy.Request(name, env=asked.env, stream_logs=asked.stream_logs, as_json=asked.as_json)
    deploy.carry_out(context, app, request)


def login_of(asked: Asked) -> Secret | None:
    """The Secret with which an image is fetched. Raises UsageError, and InvalidError for a variable that is not set."""
    from ..sdk.secret import Secret

    if asked.registry_secret and asked.registry_secret_from_env:
        raise errors.UsageError("--registry-secret and --registry-secret-from-env can't be used together.")
    if asked.registry_secret_from_env:
        return Secret.from_local_environ(_keys("--registry-secret-from-env", asked.registry_secret_from_env))
    return Secret.from_name(asked.registry_secret) if asked.registry_secret else None


def image_of(asked: Asked, login: Secret | None, published: Set[str]) -> Image:
    """One that was published here under this reference, else a registry's (semantics 2.6.6). Published names have a tag."""
    from ..sdk import image_server
    from ..sdk.image import Image

    if image_server.in_registry(asked.image) and published.isdisjoint((asked.image, f"{asked.image}:latest")):
        image = Image.from_registry(asked.image, login, force_build=asked.force_build)
    elif login is not None or asked.force_build:
        raise errors.UsageError("--registry-secret and --force-build are for images of a registry, as ghcr.io/org/name:tag.")
    else:
        image = Image.from_name(asked.image)
    return image.cmd(words("--cmd", asked.cmd)) if asked.cmd is not None and asked.entrypoint is None else image


def command_of(asked: Asked) -> tuple[str, ...]:
    """What runs instead of all that the image says; empty where its own entrypoint goes on."""
    if asked.entrypoint is None:
        return ()
    found = (*words("--entrypoint", asked.entrypoint), *(words("--cmd", asked.cmd) if asked.cmd is not None else ()))
    if not found:
        raise errors.UsageError("--entrypoint is empty and there is no --cmd: nothing would run.")
    return tuple(found)


def settings_of(asked: Asked) -> dict[str, Any]:
    """As arguments of `@app.server(...)`. Raises UsageError naming the option."""
    from ..sdk.secret import Secret

    secrets = [Secret.from_name(name) for name in asked.secret or ()]
    if asked.secret_from_env:
        secrets.append(Secret.from_local_environ(_keys("--secret-from-env", asked.secret_from_env)))
    return {
        "port": asked.port,
        "env": dict(_pair("--env-var", text, "=") for text in asked.env_var or ()),
        "secrets": secrets,
        "volumes": _volumes(asked.volume or ()),
        "cpu": _request_and_limit("--cpu", asked.cpu, float),
        "memory": _request_and_limit("--memory", asked.memory, int),
        "gpu": [name.strip() for name in asked.gpu.split(",")] if asked.gpu else None,
        "routing_region": asked.region,
        "unauthenticated": asked.unauthenticated,
        "h2_enabled": asked.h2,
        "sessioned": asked.sessioned,
        "target_concurrency": _number("--target-concurrency", asked.target_concurrency, float),
        "max_concurrency": _number("--max-concurrency", asked.max_concurrency, int),
        "min_containers": asked.min_containers,
        "max_containers": _number("--max-containers", asked.max_containers, int),
        "buffer_containers": asked.buffer_containers,
        "scaleup_window": asked.scaleup_window,
        "scaledown_window": asked.scaledown_window,
        "startup_timeout": asked.startup_timeout,
        "exit_grace_period": asked.exit_grace_period,
    }


def words(option: str, text: str) -> list[str]:
    """As a shell would split it. Raises UsageError."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise errors.UsageError(f"{option} {text!r} can't be split into words: {error}.") from None


def _is_deployed(client: Client, name: str) -> bool:
    try:
        return client.app(name, client.target.environment)["lifecycle"]["state"] != "stopped"
    except errors.NotFoundError:
        return False


def _announce_volumes(client: Client, asked: Asked) -> None:
    from ..client import volumes

    for name in dict.fromkeys(_pair("--volume", text, ":")[0] for text in asked.volume or ()):
        try:
            volumes.resolve(client, name, client.target.environment, create_if_missing=False)
        except errors.NotFoundError:
            render.note(f"Creating Volume {name!r}, which does not exist yet.")


def _keys(option: str, text: str) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise errors.UsageError(f"{option} has to name variables, as in A,B.")
    return found


def _volumes(given: Sequence[str]) -> dict[str, Any]:
    from ..sdk.volume import Volume

    pairs = [_pair("--volume", text, ":") for text in given]
    if len({path for _, path in pairs}) != len(pairs):
        raise errors.UsageError("--volume: two Volumes can't be at the same path.")
    return {path: Volume.from_name(name, create_if_missing=True) for name, path in pairs}


def _pair(option: str, text: str, sign: str) -> tuple[str, str]:
    first, found, second = text.partition(sign)
    if not (first and found):
        raise errors.UsageError(f"{option} has to be like {'KEY=VALUE' if sign == '=' else 'NAME:/path'}, not {text!r}.")
    return first, second


def _number(option: str, text: str | None, kind: type[int] | type[float]) -> float | int | None:
    if text is None or text.lower() == NONE:
        return None
    try:
        return kind(text)
    except ValueError:
        raise errors.UsageError(f"{option} has to be a number or none, not {text!r}.") from None


def _request_and_limit(option: str, text: str | None, kind: type[int] | type[float]) -> Any:
    if text is None:
        return None
    try:
        numbers = tuple(kind(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 2):
        raise errors.UsageError(f"{option} has to be a number, or a request and a limit as in 1,2; not {text!r}.")
    return numbers[0] if len(numbers) == 1 else numbers
