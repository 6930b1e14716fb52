"""One deploy from start to end: collect, upload what the platform lacks, publish, follow. For the CLI and `app.deploy()`.

Tells what happens as events; shows nothing itself.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from ..client.http import Client
from ..client.stream import Event as ApiEvent
from ..errors import DeployError, InvalidError
from ..manifest import codec
from ..manifest.names import deployment_tag_problem, strategy_problem
from . import commit, outcome, source, uploads
from .app import App
from .collect import Collected, collect
from .connect import session
from .events import (
    BuildLine,
    ContainerMoved,
    DeployedServer,
    DeployEvent,
    Mounted,
    Outcome,
    Progress,
    Published,
    Warned,
)
from .resolve import PlatformResolver

CANCELLED = "Cancelled before it was published; nothing has changed."
GOES_ON = "It was published already, and goes on without this command; see `homeport app history`."


class RolloutFailedError(DeployError):
    """A version was published and did not become live; the one before goes on. `log_tail`: last lines of its container."""

    code = "rollout_failed"

    def __init__(self, message: str, log_tail: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.log_tail = log_tail


@dataclass(frozen=True, slots=True)
class Options:
    """How to deploy. `name` goes before the App's own; `environment` None is the client's; `wait`: until it is live."""

    name: str | None = None
    environment: str | None = None
    tag: str = ""
    strategy: str = "rolling"
    wait: bool = True


def deploy(app: App, options: Options, client: Client) -> Iterator[DeployEvent]:
    """Deploys while it is iterated over; the last event is the `Outcome`.

    Raises what `collect` raises; InvalidError for a tag or strategy that is not legal; RolloutFailedError when the new
    version did not become live; what the platform reports; ConnectionError when it can't be reached.
    """
    _check(options)
    with ThreadPoolExecutor(1) as pool:
        resolver = PlatformResolver(client, options.environment or client.environment)
        collected = collect(app, options.name, source.limit_bytes(os.environ), resolver)
        asked = pool.submit(commit.commit_info, collected.folder) if collected.folder else None
        yield from (Mounted(mount.local, mount.remote) for mount in collected.mounts)
        yield from uploads.send(client, [*([collected.source] if collected.source else []), *resolver.trees])
        info = asked.result() if asked else None
    problem = commit.problem(info) if info is not None else None
    if problem:
        yield Warned(problem)
        info = None
    yield from _publish(collected, info, options, client)


def publish(app: App, options: Options, client: Client | None) -> Outcome:
    """`deploy` without anybody watching. Raises as it does, what finding the platform raises, and DeployError for a version
    that was superseded, or its App stopped, before it was live.
    """
    _check(options)
    with session(client, options.environment) as (connected, _):
        return outcome.wait(deploy(app, options, connected))


def check_strategy(strategy: str) -> None:
    """Raises InvalidError for what is neither of the two."""
    problem = strategy_problem(strategy)
    if problem:
        raise InvalidError(problem)


def _check(options: Options) -> None:
    check_strategy(options.strategy)
    problem = deployment_tag_problem(options.tag)
    if problem:
        raise InvalidError(problem)


def _publish(
    collected: Collected, info: commit.CommitInfo | None, options: Options, client: Client
) -> Iterator[DeployEvent]:  # fmt: skip
    request = {
        "manifest": codec.to_json(collected.manifest),
        "strategy": options.strategy,
        "environment": options.environment or client.target.environment,
        "tag": options.tag,
        "request_id": secrets.token_hex(16),
        "client_version": _version(),
        "commit": info,
    }
    yield from follow(client.deploy(request, options.wait), request, client)


def follow(stream: Iterator[ApiEvent], request: Mapping[str, Any], client: Client) -> Iterator[DeployEvent]:
    """The stream that `request` has as events of ours; the last one is the `Outcome`. Raises RolloutFailedError.

    Who interrupts it before `Published` takes it back, and is told whether that was in time.
    """
    published = False
    try:
        for event in _events(stream):
            published = published or isinstance(event, Published)
            yield event
    except KeyboardInterrupt:
        if not published:
            yield Warned(CANCELLED if client.cancel_deploy(str(request["request_id"])) else GOES_ON)
        raise


def _events(stream: Iterator[ApiEvent]) -> Iterator[DeployEvent]:
    published: Published | None = None
    for event in stream:
        told = _told(event)
        if isinstance(told, Published):
            published = told
        if told is not None:
            yield told
        if event.name == "settled":
            assert published is not None, "settled before published"
            yield _settled(published, event.data)
            return
    assert published is not None, "a deployment's stream that ends has published"
    yield _outcome(published, "unchanged" if published.noop else "published", 0)


def _settled(published: Published, data: dict[str, Any]) -> Outcome:
    if data["state"] == "failed":
        reason = str(data.get("reason") or "its containers did not become ready").rstrip(".")
        before = "" if published.version == 1 else " The version before it goes on."
        raise RolloutFailedError(
            f"Version v{published.version} of App {published.app_name!r} did not become live: {reason}.{before}",
            tuple(str(line) for line in data.get("log_tail") or ()),
        )
    ended = _outcome(published, str(data["state"]), int(data.get("duration_ms") or 0))
    left, cut = (int(data.get(name) or 0) for name in ("containers_left", "requests_cut"))
    return replace(ended, containers_left=left, requests_cut=cut, reason=str(data.get("reason") or ""))


def _outcome(published: Published, state: str, duration_ms: int) -> Outcome:
    return Outcome(
        app_id=published.app_id,
        app_name=published.app_name,
        version=published.version,
        state=state,
        noop=published.noop,
        app_url=published.app_url,
        servers=published.servers,
        duration_ms=duration_ms,
        rollback_version=published.rollback_version,
    )


def _told(event: ApiEvent) -> DeployEvent | None:
    """The API's event as ours; None for `settled`, which becomes the outcome, and for names that a newer platform has."""
    data = event.data
    if event.name == "progress":
        return Progress(str(data["stage"]), str(data["message"]))
    if event.name == "build":
        return BuildLine(str(data["line"]))
    if event.name == "container":
        return ContainerMoved(
            container_id=str(data["container_id"]),
            server=str(data["server"]),
            version=int(data["version"]),
            state=str(data["state"]),
            reason=str(data.get("reason") or ""),
        )
    if event.name == "published":
        servers = tuple(DeployedServer(str(s["name"]), str(s["object_id"]), str(s["url"])) for s in data["servers"])
        return Published(
            app_id=str(data["app_id"]),
            app_name=str(data["app_name"]),
            version=int(data["version"]),
            noop=bool(data["noop"]),
            app_url=str(data["app_url"]),
            servers=servers,
            rollback_version=data.get("rollback_version"),
        )
    return None


def _version() -> str:
    from .. import __version__

    return __version__
