"""What the end of a deployment means to whoever asked for it: the CLI, which shows the events, and the SDK, which waits."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from ..errors import ConnectionError, DeployError  # noqa: A004 - the public API's name for it
from .events import DeployEvent, Outcome

# Semantics 1.4.13.
NOT_ALL_ENDED = (
    "App updated successfully, but containers did not all terminate. Containers did not terminate in under 40 seconds."
)


def wait(events: Iterable[DeployEvent]) -> Outcome:
    """The outcome, for nobody who watches; a `recreate` that left old containers is a warning. Raises as `last`, `check`."""
    outcome = last(events)
    check(outcome)
    if outcome.containers_left:
        warnings.warn(NOT_ALL_ENDED, stacklevel=5)  # where `app.deploy()` and its like are called
    return outcome


def last(events: Iterable[DeployEvent]) -> Outcome:
    """The outcome that they end with. Raises what they raise, and ConnectionError if there is none."""
    for event in events:
        if isinstance(event, Outcome):
            return event
    raise ConnectionError("The deployment's stream ended without an outcome; see `homeport app history`.")


def check(outcome: Outcome) -> None:
    """Raises DeployError for a version that was waited for and overtaken before it was live."""
    if outcome.state == "superseded":
        raise DeployError(
            f"Version v{outcome.version} of App {outcome.app_name!r} did not become live: {outcome.reason or 'superseded'}; "
            f"see `homeport app history {outcome.app_name}`."
        )
