"""What the API needs of the platform, as one interface. Owns signatures and what each answer must hold; implements nothing.

Answers are JSON objects as in docs/api.md (`models` has their fields). Every method may raise any `homeport.errors.Error`
or OSError (disk full); what is not asynchronous only reads and takes no longer than a few milliseconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from ..control.autoscaler import Autoscaler
from ..control.builds import Builds
from ..control.collector import Collector
from ..control.dicts import Dicts
from ..control.environments import Environments
from ..control.members import Members
from ..control.metrics import Metrics
from ..control.objects import Objects
from ..control.places import Places
from ..control.prometheus import Prometheus
from ..control.proxytokens import ProxyTokens
from ..control.queues import Queues
from ..control.requests import CreateRequest, DeployRequest, Event, LogQuery, RedeployRequest
from ..control.secrets import Secrets
from ..control.sessions import Sessions
from ..control.traffic import Traffic
from ..control.volumes import Volumes
from ..store.blobs import Blobs

Answer = dict[str, Any]


class Platform(Protocol):
    @property
    def blobs(self) -> Blobs: ...

    @property
    def environments(self) -> Environments: ...

    @property
    def autoscaler(self) -> Autoscaler: ...

    @property
    def volumes(self) -> Volumes: ...

    async def volume_users(self, volume_id: str) -> Answer:
        """Apps that have it. Raises NotFoundError."""
        ...

    async def delete_volume(self, volume_id: str, actor: str) -> Answer:
        """Returns when its files are gone, or left to the containers that have them. Raises NotFoundError."""
        ...

    @property
    def traffic(self) -> Traffic: ...

    @property
    def metrics(self) -> Metrics: ...

    @property
    def prometheus(self) -> Prometheus: ...

    @property
    def builds(self) -> Builds: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def objects(self) -> Objects: ...

    @property
    def dicts(self) -> Dicts: ...

    @property
    def queues(self) -> Queues: ...

    @property
    def collector(self) -> Collector: ...

    @property
    def workspace(self) -> str: ...

    @property
    def members(self) -> Members: ...

    @property
    def proxy_tokens(self) -> ProxyTokens: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def router_secret(self) -> str:
        """By which it proves that a request comes through it; empty: none does."""
        ...

    @property
    def places(self) -> Places: ...

    async def status(self) -> Answer: ...

    def apps(self, environment: str) -> list[Answer]: ...

    async def app_info(self, ref: str, environment: str) -> Answer:
        """`ref` is an App id or a name in `environment`. Raises NotFoundError."""
        ...

    async def history(self, ref: str, environment: str) -> list[Answer]:
        """Newest version first. Raises NotFoundError."""
        ...

    def deploy(self, request: DeployRequest, wait: bool) -> AsyncIterator[Event]:
        """The deployment as it goes on; with `wait` until it is settled. The API reads it to the end in a task of its own,
        whether or not the client is still there.
        """
        ...

    def cancel_deploy(self, request_id: str) -> bool:
        """Whether a deploy was ended before it was published."""
        ...

    def redeploy(self, request: RedeployRequest, wait: bool) -> AsyncIterator[Event]:
        """A rollback or rollover as it goes on, read as `deploy` is. Raises NotFoundError, InvalidError before it begins."""
        ...

    async def plan(self, request: DeployRequest) -> Answer:
        """What that deploy would change now. Raises what it would be refused with."""
        ...

    async def create_app(self, request: CreateRequest) -> Answer:
        """The App of that name, made without Servers if there is none."""
        ...

    async def app_tags(self, ref: str, environment: str) -> Answer:
        """By key. Raises NotFoundError."""
        ...

    async def set_app_tags(self, ref: str, environment: str, tags: dict[str, str], actor: str) -> Answer:
        """All of them, from now on. Raises NotFoundError."""
        ...

    async def audit(self, count: int) -> list[Answer]:
        """The last so many acts of people, newest first."""
        ...

    async def verify_audit(self) -> Answer: ...

    async def stop_app(self, ref: str, environment: str, actor: str) -> Answer:
        """Returns when nothing of it runs. Raises NotFoundError, ConflictError if it is stopped already."""
        ...

    def logs(self, query: LogQuery) -> AsyncIterator[Event]:
        """Events `log`, then `end` unless it follows a live App; closed when the client goes."""
        ...

    def containers(self, app_ref: str | None, environment: str, ended: bool) -> list[Answer]:
        """Of one App (None: of all in `environment`); those that ended too if `ended`. Raises NotFoundError for the App."""
        ...

    async def stop_container(self, container_id: str, actor: str) -> Answer:
        """Returns when it has ended. Raises NotFoundError."""
        ...

    def exec(self, container_id: str, argv: tuple[str, ...], stdin: bytes | None) -> AsyncIterator[Event]:
        """Events `stdout` and `stderr`, then `exit`; the process is ended when the iterator is closed."""
        ...

    def server_info(self, app_ref: str, server: str, environment: str) -> Answer:
        """Raises NotFoundError."""
        ...

    def server_by_id(self, server_id: str) -> Answer:
        """The same, in whatever environment it is. Raises NotFoundError."""
        ...
