"""`homeport deploy`: loads the user's file, lets the SDK deploy it, and shows what happens (semantics 1.3, 1.4)."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from .. import errors
from . import logs, plan, render, text
from .connect import connected
from .options import Environment, Json, taking
from .rollout import TERMINATING, Rollout, last_lines

if TYPE_CHECKING:
    from ..client.http import Client
    from ..sdk.app import App
    from ..sdk.events import DeployEvent, Mounted, Outcome, Published, Uploading


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
    from ..sdk.outcome import NOT_ALL_ENDED, check

    started = time.time()
    with connected(context, request.env) as client, render.Progress() as progress:
        show = _Show(progress, request, started)
        outcome = _run(app, request, client, show)
        progress.stop()
        show.end(outcome, time.time() - started)
        if outcome.containers_left:
            render.warning(NOT_ALL_ENDED)
        check(outcome)
        if request.stream_logs:
            query = logs.Query(follow=True, since=started)
            logs.show_app(client, outcome.app_id, query, text.LogPrefix(timestamps=request.timestamps))


def _plan(context: typer.Context, request: Request) -> int:
    """Returns the exit code (see `plan`)."""
    from ..sdk import plan as sdk

    try:
        app = _load(request)
    except errors.UsageError as error:
        raise errors.InvalidError(error.message) from error
    with connected(context, request.env) as client:
        return plan.show(sdk.plan(app, request.name, request.env, client), request.as_json)


def _load(request: Request) -> App:
    """Everything that can be wrong with the command line and the file, before anybody is asked anything."""
    from ..manifest.names import deployment_tag_problem
    from ..sdk import load, ref

    if request.strategy not in ("rolling", "recreate"):
        raise errors.UsageError(f"Deployment strategy must be 'rolling' or 'recreate', not {request.strategy!r}")
    problem = deployment_tag_problem(request.tag)
    if problem:
        raise errors.UsageError(problem)
    app_ref = ref.parse(request.app_ref, request.as_module)
    # With --json the value stands alone on stdout, whatever the user's file prints when it is loaded.
    with contextlib.redirect_stdout(sys.stderr) if request.as_json else contextlib.nullcontext():
        return load.load(app_ref).app


def _run(app: App, request: Request, client: Client, show: _Show) -> Outcome:
    from ..sdk import deploy as sdk
    from ..sdk.events import Outcome

    options = sdk.Options(
        name=request.name, environment=request.env, tag=request.tag, strategy=request.strategy, wait=request.wait
    )
    show.progress.now("Initializing...")
    try:
        for event in sdk.deploy(app, options, client):
            if isinstance(event, Outcome):
                return event
            show.event(event)
    except sdk.RolloutFailedError as error:
        show.failed(error.log_tail)
        raise
    except KeyboardInterrupt:
        show.interrupted()
        raise
    raise errors.ConnectionError("The deployment ended without an outcome; see `homeport app history`.")


@dataclass(slots=True)
class _Show:
    """One deployment on the screen. stdout gets the tree of semantics 1.4, or JSON; stderr what happens on the way."""

    progress: render.Progress
    request: Request
    started: float
    published: Published | None = None
    mounts: list[Mounted] = field(default_factory=list)
    rollout: Rollout = field(default_factory=Rollout)

    def event(self, event: DeployEvent) -> None:
        from ..sdk import events as e

        match event:
            case e.Mounted():
                self.mounts.append(event)
            case e.Uploading():
                self.progress.part(uploading(event), event.bytes_sent, event.size_bytes)
            case e.Warned(message):
                self.progress.line(f"Warning: {message}", "yellow")
            case e.Progress("terminate", _) if not self.request.as_json:
                self.progress.stop()
                render.out(TERMINATING)
                self.progress.now(self.rollout.summary())
            case e.Progress(_, message):
                self.progress.line(message)
                self.progress.now("Creating objects..." if self.published is None else self.rollout.summary())
            case e.BuildLine(line):
                self.progress.line(line)
            case e.Published():
                self._publish(event)
            case e.ContainerMoved():
                line = self.rollout.fold(asdict(event))
                if line:
                    self.progress.line(line)
                self.progress.now(self.rollout.summary())

    def _publish(self, published: Published) -> None:
        self.published = published
        self.progress.stop()
        if self.request.as_json or published.noop:
            return
        for line in created_lines(published, self.mounts):
            _sign(line)
        if self.request.wait:
            self.progress.now(self.rollout.summary())

    def end(self, outcome: Outcome, took_s: float) -> None:
        if self.request.as_json:
            render.value(asdict(outcome))
            return
        if outcome.state == "superseded":
            return
        for line in end_lines(outcome, took_s):
            _sign(line)
        if outcome.state == "published":
            render.note(f"Not waiting for v{outcome.version} to be live; see `homeport app history {outcome.app_name}`.")

    def failed(self, log_tail: tuple[str, ...]) -> None:
        self.progress.stop()
        for line in last_lines(log_tail):
            render.note(line)

    def interrupted(self) -> None:
        self.progress.stop()
        if self.published is None:
            render.note("Interrupted before it was published; `homeport app list` shows what is deployed.")
            return
        name = self.published.app_name
        render.note(
            f"The deployment of v{self.published.version} of App {name!r} goes on; see `homeport app history {name}`."
        )


def created_lines(published: Published, mounts: list[Mounted]) -> Iterator[str]:
    """The tree of what was made (1.4.2 to 1.4.5)."""
    if published.app_url:
        yield f"✓ Initialized. View app page at {published.app_url}."
    yield "✓ Created objects."
    leaves = [f"🔨 Mounted {mount.local} at {mount.remote}" for mount in mounts]
    leaves += [f"🔨 Created {server.name} => {server.url}" for server in published.servers]
    yield from text.tree(leaves)


def end_lines(outcome: Outcome, took_s: float) -> Iterator[str]:
    """What a deployment ends with (1.4.10 to 1.4.12)."""
    yield "✓ Deployment skipped: no changes detected! ⏭️" if outcome.noop else f"✓ App deployed in {took_s:.3f}s! 🎉"
    if outcome.requests_cut:
        yield text.cut(outcome.requests_cut)
    yield ""
    yield f"View Deployment: {outcome.app_url or f'homeport app info {outcome.app_name}'}"


def _sign(line: str) -> None:
    render.out(line, "green" if line.startswith("✓") else "")


def uploading(now: Uploading) -> str:
    """How far it is, for the moving line."""
    size = _size(now.size_bytes)
    sent = f"{_size(now.bytes_sent)} of {size}" if now.bytes_sent else size
    return f"Uploading {now.files} file{'s' if now.files > 1 else ''} ({sent})..."


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB" if size_bytes >= 2**20 else f"{(size_bytes + 1023) // 1024} KiB"
