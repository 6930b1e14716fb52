"""What the data plane shall serve, as values. Decided by `reconcile`; carried out by whatever fulfils `ports.Router`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One container behind a route. `draining`: it gets no new requests, the ones it has go on."""

    container_id: str
    address: str  # "10.3.0.7:8000"
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One host name and its pool. An empty pool answers 503 (semantics 2.2.3)."""

    host: str  # lower case, without port
    app_id: str
    service_id: str
    environment: str
    authenticated: bool = True
    h2: bool = False  # cleartext HTTP/2 towards the container
    max_concurrency: int = 0  # per container; 0 is no limit (429 beyond it, semantics 2.1.6)
    stopped: bool = False  # the App was stopped: 404 in words (semantics 1.8.5)
    retry_after_s: int = 1  # told to whom no container could take; it tells how long starts take
    sessioned: bool = False  # every request needs the token of a session (semantics 2.5)
    targets: tuple[Target, ...] = ()  # sorted by container id
