"""`homeport app rollover` and `app rollback`: a version that the platform has, once more (semantics 1.6, 1.7)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from .. import errors
from . import render
from .connect import connected
from .options import AppArgument, Environment, Json, taking
from .screen import Screen

if TYPE_CHECKING:
    from ..sdk.events import Published
    from ..sdk.redeploy import Options

Strategy = Annotated[str, typer.Option(metavar="rolling|recreate", help="How the new containers take over.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until they are live.")]
VersionArgument = Annotated[
    str | None, typer.Argument(metavar="[VERSION]", help="As `app history` shows it (v3); else one back from the live one.")
]
_VERSION = re.compile(r"v([0-9]+)")


@dataclass(frozen=True, slots=True)
class Rollover:
    """The options of `app rollover`, in the order of its help."""

    app: AppArgument
    env: Environment = None
    strategy: Strategy = "rolling"
    wait: Wait = True
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class Rollback:
    """The options of `app rollback`, in the order of its help."""

    app: AppArgument
    version: VersionArgument = None
    env: Environment = None
    strategy: Strategy = "rolling"
    wait: Wait = True
    as_json: Json = False


def register(group: typer.Typer) -> None:
    group.command("rollover", epilog="Example: homeport app rollover hello-server")(rollover)
    group.command("rollback", epilog="Example: homeport app rollback hello-server v3")(rollback)


@taking(Rollover)
def rollover(context: typer.Context, request: Rollover) -> None:
    """Replace an App's containers by new ones of the same version, as a new version.

    They read everything again that is read at start-up. Exit code 1 if `recreate` left old containers running.
    """
    from ..sdk import redeploy

    options = _options(request)
    started = time.time()
    with connected(context, request.env) as client, render.Progress() as progress:
        if not request.as_json:
            render.out(f"🔨 Starting app rollover with {request.strategy} strategy")
        screen = Screen(progress, request.as_json, lambda published, _: progress.line(_once_more(published)))
        outcome = screen.show(redeploy.rollover(request.app, options, client))
    done = f"✓ Rollover completed in {time.time() - started:.3f}s with {request.strategy} strategy! 🎉"
    screen.end(outcome, done if outcome.state == "live" and not outcome.containers_left else "")
    if outcome.containers_left:
        raise typer.Exit(1)


@taking(Rollback)
def rollback(context: typer.Context, request: Rollback) -> None:
    """Bring an earlier version of an App back, as a new version. Your local files don't matter.

    Without VERSION it is the last one that was live before the one that is live now.
    """
    from ..sdk import redeploy

    number, options = _number(request.version), _options(request)
    with connected(context, request.env) as client, render.Progress() as progress:
        screen = Screen(progress, request.as_json, lambda published, _: progress.line(_once_more(published)))
        outcome = screen.show(redeploy.rollback(request.app, number, options, client))
    screen.end(outcome, "✓ Deployment rollback successful!" if outcome.state == "live" else "")


def _options(request: Rollover | Rollback) -> Options:
    from ..manifest.names import strategy_problem
    from ..sdk.redeploy import Options

    problem = strategy_problem(request.strategy)
    if problem:
        raise errors.UsageError(problem)
    return Options(request.strategy, request.wait)


def _number(version: str | None) -> int | None:
    if version is None:
        return None
    found = _VERSION.fullmatch(version)
    if found is None:
        raise errors.UsageError(f"Invalid version {version!r}: write it as `homeport app history` shows it, like v3.")
    return int(found[1])


def _once_more(published: Published) -> str:
    return f"v{published.version} is v{published.rollback_version} once more"
