"""`homeport deploy`: loads the user's file, lets the SDK deploy it, and shows what happens (semantics 1.3, 1.4)."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from .. import errors
from . import logs, plan, render, text
from .connect import connected
from .options import Environment, Json, taking
from .screen import Screen, sign

if TYPE_CHECKING:
    from ..sdk.app import App
    from ..sdk.events import Mounted, Published


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed. Its fields are the options of the command, in the order of its help."""

    app_ref: Annotated[str, typer.Argument(metavar="APP_REF", help="file.py, file.py::app, or with -m package.module.")]
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name to deploy as, instead of the App's own.")] = None
    env: Environment = None
    tag: Annotated[str, typer.Option(metavar="TAG", help="Label for this version.", show_default=False)] = ""
    as_module: Annotated[bool, typer.Option("-m", help="APP_REF is a module, not a file.")] = False
    strategy: Annotated[str, typer.Option(metavar="rolling|recreate", help="How the new version takes over.")] = "rolling"
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the new version is live.")] = True
    stream_logs: Annotated[bool, typer.Option("--stream-logs", help="Follow the App's log afterwards.")] = False
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Show times in that log.")] = False
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would change; exit code 2 if anything.")] = False
    as_json: Json = False


def register(app: typer.Typer) -> None:
    app.command("deploy", epilog="Example: homeport deploy hello_server.py --tag v1.2")(deploy)


@taking(Request)
def deploy(context: typer.Context, request: Request) -> None:
    """Deploy an App: a new version takes over without downtime.

    When the new version does not become live, the one before it goes on, and the exit code is 1.
    """
    if request.plan:
        raise typer.Exit(_plan(context, request))
    carry_out(context, _load(request), request)


def carry_out(context: typer.Context, app: App, request: Request) -> None:
    """Deploys an App that is loaded, and shows it. Raises what `sdk.deploy` raises."""
    from ..sdk import deploy as sdk

    started = time.time()
    options = sdk.Options(
        name=request.name, environment=request.env, tag=request.tag, strategy=request.strategy, wait=request.wait
    )
    with connected(context, request.env) as client, render.Progress() as progress:
        screen = Screen(progress, request.as_json, partial(_announce, request))
        progress.now("Initializing...")
        outcome = screen.show(sdk.deploy(app, options, client))
        took = f"✓ App deployed in {time.time() - started:.3f}s! 🎉"
        screen.end(outcome, "✓ Deployment skipped: no changes detected! ⏭️" if outcome.noop else took)
        if request.stream_logs:
            query = logs.Query(follow=True, since=started)
            logs.show_app(client, outcome.app_id, query, text.LogPrefix(timestamps=request.timestamps))


def _plan(context: typer.Context, request: Request) -> int:
    """Returns the exit code (see `plan`)."""
    from ..sdk import plan as sdk

    app = _load(request)
    with connected(context, request.env) as client:
        return plan.show(sdk.plan(app, request.name, request.env, client), request.as_json)


def _load(request: Request) -> App:
    """Everything that can be wrong with the command line and the file, before anybody is asked anything."""
    from ..manifest.names import deployment_tag_problem, strategy_problem
    from ..sdk import load, ref

    problem = strategy_problem(request.strategy) or deployment_tag_problem(request.tag)
    if problem:
        raise errors.UsageError(problem)
    app_ref = ref.parse(request.app_ref, request.as_module)
    # With --json the value stands alone on stdout, whatever the user's file prints when it is loaded.
    with contextlib.redirect_stdout(sys.stderr) if request.as_json else contextlib.nullcontext():
        return load.load(app_ref).app


def _announce(request: Request, published: Published, mounts: list[Mounted]) -> None:
    if request.as_json or published.noop:
        return
    for line in created_lines(published, mounts):
        sign(line)


def created_lines(published: Published, mounts: list[Mounted]) -> Iterator[str]:
    """The tree of what was made (1.4.2 to 1.4.5)."""
    if published.app_url:
        yield f"✓ Initialized. View app page at {published.app_url}."
    yield "✓ Created objects."
    leaves = [f"🔨 Mounted {mount.local} at {mount.remote}" for mount in mounts]
    leaves += [f"🔨 Created {server.name} => {server.url}" for server in published.servers]
    yield from text.tree(leaves)
