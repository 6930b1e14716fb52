"""The way to the platform for SDK calls: a client that the user passed, one for the platform that is found, or inside a
container the socket that is there. Knows no App.
"""

from __future__ import annotations

from contextlib import contextmanager

from .remote import is_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..client.calls import Calls
    from ..client.http import Client


@contextmanager
def calls(client: Client | None, environment_name: str | None) -> Iterator[tuple[Calls, str]]:
    """What both a user's machine and a container can ask, and the environment to name (semantics 6.4.2).

    Raises what `session` raises; inside a container AuthError when this process has no token of it.
    """
    if client is None and not is_local():
        from ..client.inside import Inside

        inside = Inside.of_this_container()
        yield inside, environment_name or inside.environment
        return
    with session(client, environment_name) as (connected, environment):
        yield connected, environment


@contextmanager
def session(client: Client | None, environment_name: str | None) -> Iterator[tuple[Client, str]]:
    """A client and the environment to name; a client that was made here is closed at the end.

    Raises what `client.config.find` raises.
    """
    if client is not None:
        yield client, environment_name or client.target.environment
        return
    import warnings

    from ..client.config import Choice, find
    from ..client.http import Client as HttpClient

    target = find(Choice(environment=environment_name))
    for message in target.warnings:
        warnings.warn(message, stacklevel=4)
    with HttpClient(target) as made:
        yield made, target.environment
