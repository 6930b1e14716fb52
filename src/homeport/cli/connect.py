"""The platform a command talks to, and the one question it may ask first. httpx is loaded here, when a command connects."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from . import render
from .options import Globals

if TYPE_CHECKING:
    from ..client.http import Client


@contextmanager
def connected(context: typer.Context, environment: str | None = None, data_dir: str | None = None) -> Iterator[Client]:
    """A client of the platform that was chosen; its environment is `client.target.environment`.

    Raises what `client.config.find` raises when there is no platform or token.
    """
    from pathlib import Path

    from ..client.config import Choice, find

    said = Globals.of(context)
    place = data_dir or said.data_dir
    target = find(Choice(Path(place) if place else None, said.profile, environment))
    for warning in target.warnings:
        render.warning(warning)
    with _client_class()(target) as client:
        yield client


def confirm(question: str) -> None:
    """Returns if the answer is yes. Without a terminal nobody can answer, so nothing is done (semantics 1.8.3).

    It is asked on stderr: stdout has the value alone, also that of a command that asks first.
    """
    render.note(question)
    if not sys.stdin.isatty():
        render.note("Aborted: no interactive terminal detected. Rerun with --yes (-y) to skip confirmation.")
        raise typer.Exit(1)
    # `err=True` alone would leave the blank behind the prompt on stdout.
    with contextlib.redirect_stdout(sys.stderr):
        yes = typer.confirm("Continue?", err=True)
    if not yes:
        raise typer.Abort


def _client_class() -> type[Client]:
    """Loads httpx without its own command line, whose rich, click and pygments take as long to load as all the rest."""
    unwanted = "httpx._main"
    absent = unwanted not in sys.modules
    if absent:
        sys.modules[unwanted] = None  # type: ignore[assignment]  # makes its import fail, which httpx is prepared for
    try:
        from ..client.http import Client
    finally:
        if absent:
            del sys.modules[unwanted]
    return Client
