"""`homeport app rollover` and `app rollback`: a version that the platform has, once more (semantics 1.6, 1.7)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from .. import errors
from . import render
from .connect import connected
from .options import AppArgument, Environment, Json, taking
from .rollout import TERMINATING, Rollout, last_lines

if TYPE_CHECKING:
    from ..sdk.events import DeployEvent, Outcome, Published
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
    from ..sdk.outcome import NOT_ALL_ENDED

    options = _options(request)
    started = time.time()
    with connected(context, request.env) as client, render.Progress() as progress:
        if not request.as_json:
            render.out(f"🔨 Starting app rollover with {request.strategy} strategy")
        outcome = _Show(progress, request.as_json).all(redeploy.rollover(request.app, options, client))
    if outcome.containers_left:
        render.warning(NOT_ALL_ENDED)
    elif outcome.state == "live" and not request.as_json:
        took = f"{time.time() - started:.3f}s"
        render.out(f"✓ Rollover completed in {took} with {request.strategy} strategy! 🎉", "green")
    _end(outcome, request.as_json)
    if outcome.containers_left:
        raise typer.Exit(1)


@taking(Rollback)
def rollback(context: typer.Context, request: Rollback) -> None:
    """Bring an earlier version of an App back, as a new version. Your local files don't matter.

    Without VERSION it is the last one that was live before the one that is live now.
    """
    from ..sdk import redeploy
    from ..sdk.outcome import NOT_ALL_ENDED

    number, options = _number(request.version), _options(request)
    with connected(context, request.env) as client, render.Progress() as progress:
        outcome = _Show(progress, request.as_json).all(redeploy.rollback(request.app, number, options, client))
    if outcome.state == "live" and not request.as_json:
        render.out("✓ Deployment rollback successful!", "green")
    if outcome.containers_left:
        render.warning(NOT_ALL_ENDED)
    _end(outcome, request.as_json)


def _options(request: Rollover | Rollback) -> Options:
    from ..sdk.redeploy import Options

    if request.strategy not in ("rolling", "recreate"):
        raise errors.UsageError(f"Deployment strategy must be 'rolling' or 'recreate', not {request.strategy!r}")
    return Options(request.strategy, request.wait)


def _number(version: str | None) -> int | None:
    if version is None:
        return None
    found = _VERSION.fullmatch(version)
    if found is None:
        raise errors.UsageError(f"Invalid version {version!r}: write it as `homeport app history` shows it, like v3.")
    return int(found[1])


@dataclass(slots=True)
class _Show:
    """What happens, on stderr; only the sign that old containers are ended belongs to the value."""

    progress: render.Progress
    as_json: bool
    published: Published | None = None
    rollout: Rollout = field(default_factory=Rollout)

    def all(self, events: Iterator[DeployEvent]) -> Outcome:
        """Shows them; returns the last."""
        from ..sdk.deploy import RolloutFailedError
        from ..sdk.events import Outcome

        try:
            for event in events:
                if isinstance(event, Outcome):
                    return event
                self._event(event)
        except RolloutFailedError as error:
            self.progress.stop()
            for line in last_lines(error.log_tail):
                render.note(line)
            raise
        except KeyboardInterrupt:
            self.progress.stop()
            if self.published is not None:
                render.note(f"v{self.published.version} goes on; see `homeport app history {self.published.app_name}`.")
            raise
        finally:
            self.progress.stop()
        raise errors.ConnectionError("It ended without an outcome; see `homeport app history`.")

    def _event(self, event: DeployEvent) -> None:
        from ..sdk import events as e

        match event:
            case e.Progress("terminate", _) if not self.as_json:
                self.progress.stop()
                render.out(TERMINATING)
            case e.Progress(_, message):
                self.progress.line(message)
            case e.Published(version=version, rollback_version=repeated):
                self.published = event
                self.progress.line(f"v{version} is v{repeated} once more")
            case e.ContainerMoved():
                line = self.rollout.fold(asdict(event))
                if line:
                    self.progress.line(line)
            case _:
                pass
        self.progress.now(self.rollout.summary())


def _end(outcome: Outcome, as_json: bool) -> None:
    """Where to look, or the value. Raises DeployError when a later deployment overtook this one."""
    from ..sdk.outcome import check

    if as_json:
        render.value(asdict(outcome))
    check(outcome)
    if as_json:
        return
    render.out()
    render.out(f"View Deployment: {outcome.app_url or f'homeport app info {outcome.app_name}'}")
    if outcome.state == "published":
        render.note(f"Not waiting for v{outcome.version} to be live; see `homeport app history {outcome.app_name}`.")
