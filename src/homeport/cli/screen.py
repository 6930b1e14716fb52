"""A deployment on the screen, whichever command began it. stdout gets the value: what the command says, and where to look.
What happens on the way goes to stderr.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from . import render, text
from .rollout import TERMINATING, Rollout, last_lines

if TYPE_CHECKING:
    from ..sdk.events import DeployEvent, Mounted, Outcome, Published, Uploading


@dataclass(slots=True)
class Screen:
    """`announce` is told what was published and mounted, while there is no moving line."""

    progress: render.Progress
    as_json: bool
    announce: Callable[[Published, list[Mounted]], None]
    published: Published | None = None
    mounts: list[Mounted] = field(default_factory=list)
    latest: DeployEvent | None = None
    rollout: Rollout = field(default_factory=Rollout)

    def show(self, events: Iterator[DeployEvent]) -> Outcome:
        """Shows them as they come; returns the last. Raises what they raise, and ConnectionError without an outcome."""
        from ..sdk import outcome
        from ..sdk.deploy import RolloutFailedError

        try:
            return outcome.last(self._shown(events))
        except RolloutFailedError as error:
            self.progress.stop()
            for line in last_lines(error.log_tail):
                render.note(line)
            raise
        except KeyboardInterrupt:
            self.progress.stop()
            self._interrupted()
            raise
        finally:
            self.progress.stop()

    def end(self, outcome: Outcome, done: str) -> None:
        """`done`: the sentence for success, if it is one. Raises as `sdk.outcome.check`."""
        from ..sdk.outcome import NOT_ALL_ENDED, check

        if self.as_json:
            render.value(asdict(outcome))
        elif outcome.state != "superseded":
            _say_end(outcome, done)
        if outcome.containers_left:
            render.warning(NOT_ALL_ENDED)
        check(outcome)

    def _shown(self, events: Iterator[DeployEvent]) -> Iterator[DeployEvent]:
        for event in events:
            self.latest = event
            self._event(event)
            yield event

    def _event(self, event: DeployEvent) -> None:
        from ..sdk import events as e

        match event:
            case e.Mounted():
                self.mounts.append(event)
            case e.Uploading():
                self.progress.part(uploading(event), event.bytes_sent, event.size_bytes)
            case e.Warned(message):
                self.progress.line(f"Warning: {message}", "yellow")
            case e.Progress("terminate", _) if not self.as_json:
                self.progress.stop()
                render.out(TERMINATING)
                self.progress.now(self.rollout.summary())
            case e.Progress(_, message):
                self.progress.line(message)
                self.progress.now("Creating objects..." if self.published is None else self.rollout.summary())
            case e.BuildLine(line):
                self.progress.line(line)
            case e.Published():
                self.published = event
                self.progress.stop()
                self.announce(event, self.mounts)
                self.progress.now(self.rollout.summary())
            case e.ContainerMoved():
                line = self.rollout.fold(asdict(event))
                if line:
                    self.progress.line(line)
                self.progress.now(self.rollout.summary())

    def _interrupted(self) -> None:
        from ..sdk.events import Warned

        if self.published is None:
            if not isinstance(self.latest, Warned):  # else it has just been told what came of it
                render.note("Interrupted; `homeport app list` shows what is deployed.")
            return
        version, name = self.published.version, self.published.app_name
        render.note(f"The deployment of v{version} of App {name!r} goes on; see `homeport app history {name}`.")


def sign(line: str) -> None:
    render.out(line, "green" if line.startswith("✓") else "")


def uploading(now: Uploading) -> str:
    """How far it is, for the moving line."""
    size = text.size(now.size_bytes)
    sent = f"{text.size(now.bytes_sent)} of {size}" if now.bytes_sent else size
    return f"Uploading {text.counted(now.files, 'file')} ({sent})..."


def _say_end(outcome: Outcome, done: str) -> None:
    if done:
        sign(done)
    if outcome.requests_cut:
        render.out(text.cut(outcome.requests_cut))
    render.out()
    render.out(f"View Deployment: {outcome.app_url or f'homeport app info {outcome.app_name}'}")
    if outcome.state == "published":
        render.note(f"Not waiting for v{outcome.version} to be live; see `homeport app history {outcome.app_name}`.")
