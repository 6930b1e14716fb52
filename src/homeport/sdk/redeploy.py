"""Rollback and rollover: a version that the platform has, once more. No file of the user's is read.

Tells what happens as `deploy` does; shows nothing itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from ..client.http import Client
from . import outcome
from .connect import session
from .deploy import check_strategy, follow
from .deployed import Deployed
from .events import DeployEvent


@dataclass(frozen=True, slots=True)
class Options:
    """How. `wait`: until it is live."""

    strategy: str = "rolling"
    wait: bool = True


def rollover(app: str, options: Options, client: Client) -> Iterator[DeployEvent]:
    """New containers for the version of `app` (name or id) that is there; the last event is the `Outcome`.

    Raises InvalidError for a strategy that is not legal and for an App that is not deployed, NotFoundError for an unknown
    App, RolloutFailedError when the new containers did not become ready, ConnectionError when there is no platform.
    """
    check_strategy(options.strategy)
    request = {"strategy": options.strategy, "request_id": secrets.token_hex(16)}
    yield from follow(client.rollover(app, client.target.environment, request, options.wait), request, client)


def rollback(app: str, version: int | None, options: Options, client: Client) -> Iterator[DeployEvent]:
    """`version` of `app` once more; None is one back from the live one. The last event is the `Outcome`.

    Raises as `rollover`, and in the words of semantics 1.7.3: InvalidError when there is nothing to go back to or for
    version 0, NotFoundError for a version that there is not or of which something is gone.
    """
    check_strategy(options.strategy)
    request = {"strategy": options.strategy, "request_id": secrets.token_hex(16), "version": version}
    yield from follow(client.rollback(app, client.target.environment, request, options.wait), request, client)


def rollover_here(app: Deployed, strategy: str) -> None:
    """`rollover` without anybody watching. Raises as `sdk.deploy.publish`."""
    with session(app.client, app.environment_name) as (connected, _):
        outcome.wait(rollover(app.app_id, Options(strategy), connected))


def rollback_here(app: Deployed, version: int | None, strategy: str) -> None:
    """`rollback` without anybody watching. Raises as `sdk.deploy.publish`."""
    with session(app.client, app.environment_name) as (connected, _):
        outcome.wait(rollback(app.app_id, version, Options(strategy), connected))
