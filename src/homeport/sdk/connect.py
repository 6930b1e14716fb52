"""A client for SDK calls: the one that the user passed, or one for the platform that is found. Knows no App."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ..client.config import Choice, find
from ..client.http import Client


@contextmanager
def session(client: Client | None, environment_name: str | None) -> Iterator[tuple[Client, str]]:
    """A client and the environment to name; a client that was made here is closed at the end.

    Raises what `client.config.find` raises.
    """
    if client is not None:
        yield client, environment_name or client.target.environment
        return
    target = find(Choice(environment=environment_name))
    for message in target.warnings:
        warnings.warn(message, stacklevel=4)
    with Client(target) as made:
        yield made, target.environment
