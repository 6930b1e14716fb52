"""The way to the platform for what is asked of one deployed Server."""

from __future__ import annotations

from contextlib import contextmanager

from ..client.traffic import Place
from .connect import calls, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..client.answers import ServerInfo
    from ..client.calls import Calls
    from ..client.http import Client
    from .server import Server


@contextmanager
def asking(server: Server) -> Iterator[tuple[Calls, Place]]:
    """For what containers may ask too. Raises ExecutionError for a Server that is not deployed, and as `connect.calls`."""
    app_ref, environment_name, client = server._where()
    with calls(client, environment_name) as (connected, environment):
        yield connected, Place(app_ref, server._name, environment)


def by_id(server_id: str, client: Client | None) -> ServerInfo:
    """The Server with this id. Raises NotFoundError, and as `connect.calls`."""
    from ..client import servers

    with calls(client, None) as (connected, environment):
        return servers.by_id(connected, server_id, environment)


@contextmanager
def streaming(server: Server) -> Iterator[tuple[Client, str]]:
    """For streams, which containers can't have: a client and the environment. Raises as `asking`."""
    _, environment_name, client = server._where()
    with session(client, environment_name) as found:
        yield found
