"""Options that several commands share, and commands that take theirs as one value. Knows Typer; does nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container
from dataclasses import MISSING, dataclass, fields, replace
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Environment = Annotated[
    str | None,
    typer.Option("-e", "--env", metavar="NAME", help="Environment to look in; HOMEPORT_ENVIRONMENT, else main."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the value as JSON, and nothing else on stdout.")]
DataDir = Annotated[
    str | None,
    typer.Option("--data-dir", metavar="DIR", help="The platform's data; HOMEPORT_DATA_DIR, else /var/lib/homeport."),
]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Profile in ~/.homeport.toml; HOMEPORT_PROFILE.")
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")]
AppArgument = Annotated[str, typer.Argument(metavar="APP", help="Name of an App, or its id (ap-…).", show_default=False)]
ContainerArgument = Annotated[
    str, typer.Argument(metavar="CONTAINER_ID", help="Id of a container (ta-…), as `homeport container list` shows it.")
]


@dataclass(frozen=True, slots=True)
class Globals:
    """What was said before the command: `homeport --data-dir DIR app list`."""

    data_dir: str | None = None
    profile: str | None = None

    @staticmethod
    def of(context: typer.Context) -> Globals:
        found = context.find_root().obj
        return found if isinstance(found, Globals) else Globals()


T = TypeVar("T")


def taking(kind: type[T]) -> Callable[[Callable[[typer.Context, T], None]], Callable[..., None]]:
    """Decorator: a command whose arguments and options are the fields of the dataclass `kind`, each an `Annotated` type."""

    def decorate(function: Callable[[typer.Context, T], None]) -> Callable[..., None]:
        def command(context: typer.Context, **given: Any) -> None:
            function(context, kind(**given))

        # Typer reads the options off the signature; this one is written by the dataclass.
        hints = {"context": typer.Context, **get_type_hints(kind, include_extras=True)}
        parameters = [_parameter("context", typer.Context)]
        parameters += [_parameter(f.name, hints[f.name], f.default) for f in fields(kind)]  # type: ignore[arg-type]  # a dataclass
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # the documented way to give one
        command.__annotations__ = hints
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return command

    return decorate


def with_profile(app: typer.Typer, without: Container[str] = ()) -> None:
    """Every command also takes `--profile` after its name (semantics 1.3.8), but for those whose functions are `without`."""
    for command in app.registered_commands:
        if command.callback is not None and command.callback.__name__ not in without:
            command.callback = _profiled(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_profile(group.typer_instance, without)


def _profiled(function: Callable[..., Any]) -> Callable[..., Any]:
    def command(context: typer.Context, profile: str | None = None, **given: Any) -> Any:
        if profile is not None:
            root = context.find_root()
            root.obj = replace(Globals.of(context), profile=profile)
        return function(context=context, **given)

    hints = {**get_type_hints(function, include_extras=True), "profile": Profile}
    given = [p.replace(annotation=hints[p.name]) for p in inspect.signature(function).parameters.values()]
    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in given]
    command.__signature__ = inspect.Signature([*keywords, _parameter("profile", Profile, None)])  # type: ignore[attr-defined]  # as above
    command.__annotations__ = hints
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    return command


def _parameter(name: str, annotation: object, default: object = MISSING) -> inspect.Parameter:
    given = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=given, annotation=annotation)
