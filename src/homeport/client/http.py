"""`Client`: one thin, typed method per route of docs/api.md. Owns connections; what goes wrong becomes an error in words.

Knows no App, file or screen. Safe to use from several threads. The only place, with `stream`, that speaks HTTP.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import quote, urlsplit

import httpx

from .answers import (
    AppCreated,
    AppInfo,
    AppSummary,
    AuditEntry,
    AuditVerdict,
    ContainerInfo,
    ContainerStopped,
    EnvironmentInfo,
    Garbage,
    HistoryEntry,
    ImageNameInfo,
    Plan,
    ServerInfo,
    Status,
    Stopped,
)
from .config import Target, find
from .failures import not_text, refused, unreachable
from .stream import Event, events

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0  # also between two pieces of a stream, which is kept alive every 15 s
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

if TYPE_CHECKING:
    from .calls import Parameters


class Client:
    """A connection to one platform, as one person. Close it, or use it in a `with` statement."""

    def __init__(self, target: Target, transport: httpx.BaseTransport | None = None) -> None:
        """transport: something else than the network, for tests."""
        self.target = target
        parts = urlsplit(target.server_url)
        self._http = httpx.Client(
            base_url=f"{target.server_url}/v1",
            headers={"Authorization": f"Bearer {target.token_id}.{target.token_secret}"},
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
            trust_env=parts.hostname not in _LOOPBACK,  # a company's proxy has no way to this machine's loopback
            verify=parts.scheme == "https",  # without TLS, loading certificates would cost time for nothing
        )

    @classmethod
    def from_env(cls) -> Client:
        """The platform that this process finds (see `config.find`, which says what it raises)."""
        return cls(find())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def environment(self) -> str:
        return self.target.environment

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        body: object = None,
        timeout_s: float | None = ANSWER_TIMEOUT_S,
    ) -> dict[str, Any]:
        timeout = httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S)
        return self._call(method, path, params=_given(**(params or {})), json=body, timeout=timeout)

    def send(
        self, method: str, path: str, content: Iterator[bytes], size_bytes: int, *, params: Parameters | None = None
    ) -> None:  # fmt: skip
        headers = {"Content-Length": str(size_bytes)}
        self._call(method, path, params=_given(**(params or {})), content=content, headers=headers)

    def receive(self, path: str, *, params: Parameters | None = None) -> Iterator[bytes]:
        try:
            with self._http.stream("GET", path, params=_given(**(params or {}))) as response:
                if not response.is_success:
                    response.read()
                    raise refused(self.target, response)
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise unreachable(self.target, error) from None

    def health(self) -> dict[str, Any]:
        return self._get("/health")

    def status(self) -> Status:
        return cast(Status, self._get("/status"))

    def deploy(self, request: Mapping[str, Any], wait: bool) -> Iterator[Event]:
        """Publishes a manifest; the events of docs/api.md up to `settled`, or to `published` where nothing will follow."""
        return self._stream("POST", "/deployments", _is_published(wait), params={"wait": wait}, json=dict(request))

    def cancel_deploy(self, request_id: str) -> bool:
        """Whether a deploy was ended before it was published; nothing has changed then."""
        return bool(self._call("DELETE", f"/deployments/{_part(request_id)}")["cancelled"])

    def rollover(self, ref: str, environment: str, request: Mapping[str, Any], wait: bool) -> Iterator[Event]:
        """New containers for the version that is there; events as from `deploy`. request: strategy, request_id."""
        return self._redeploy(f"/apps/{_part(ref)}/rollover", environment, request, wait)

    def rollback(self, ref: str, environment: str, request: Mapping[str, Any], wait: bool) -> Iterator[Event]:
        """An earlier version once more; events as from `deploy`. request: strategy, request_id, version."""
        return self._redeploy(f"/apps/{_part(ref)}/rollback", environment, request, wait)

    def plan(self, manifest: Mapping[str, Any], environment: str, trees: list[str]) -> Plan:
        """What publishing `manifest` would change. trees: those of its files. Raises what that would be refused with."""
        body = {"manifest": dict(manifest), "environment": environment, "trees": trees}
        return cast(Plan, self._post("/deployments/plan", body))

    def create_app(self, request: Mapping[str, Any]) -> AppCreated:
        """The App of this name, made without Servers if there is none. request: name, environment, request_id."""
        return cast(AppCreated, self._post("/apps", dict(request)))

    def app_tags(self, ref: str, environment: str) -> dict[str, str]:
        return cast(dict[str, str], self._get(f"/apps/{_part(ref)}/tags", environment=environment)["tags"])

    def set_app_tags(self, ref: str, environment: str, tags: Mapping[str, str]) -> dict[str, str]:
        """These are all tags of the App from now on."""
        body, params = {"tags": dict(tags)}, _given(environment=environment)
        return cast(dict[str, str], self._call("PUT", f"/apps/{_part(ref)}/tags", params=params, json=body)["tags"])

    def audit(self, limit: int) -> list[AuditEntry]:
        """The last acts of people, newest first."""
        return cast(list[AuditEntry], self._get("/audit", limit=limit)["audit"])

    def verify_audit(self) -> AuditVerdict:
        """Looks at every record of the journal, however long that takes."""
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
        return cast(AuditVerdict, self._call("GET", "/audit/verify", timeout=timeout))

    def apps(self, environment: str) -> list[AppSummary]:
        return cast(list[AppSummary], self._get("/apps", environment=environment)["apps"])

    def app(self, ref: str, environment: str) -> AppInfo:
        return cast(AppInfo, self._get(f"/apps/{_part(ref)}", environment=environment))

    def history(self, ref: str, environment: str) -> list[HistoryEntry]:
        return cast(list[HistoryEntry], self._get(f"/apps/{_part(ref)}/history", environment=environment)["history"])

    def stop_app(self, ref: str, environment: str) -> Stopped:
        """Returns when nothing of it runs any more, however long that takes."""
        return cast(Stopped, self._post(f"/apps/{_part(ref)}/stop", None, environment=environment))

    def app_logs(self, ref: str, environment: str, parameters: Parameters) -> Iterator[Event]:
        """Events `log`, and `end` as the last one. parameters: follow, tail, since, until, source, search, container."""
        return self._stream("GET", f"/apps/{_part(ref)}/logs", _is_end, params=_given(environment=environment, **parameters))

    def containers(self, environment: str, app: str | None = None, include_ended: bool = False) -> list[ContainerInfo]:
        answer = self._get("/containers", environment=environment, app=app, all=include_ended or None)
        return cast(list[ContainerInfo], answer["containers"])

    def container_logs(self, container_id: str, parameters: Parameters) -> Iterator[Event]:
        return self._stream("GET", f"/containers/{_part(container_id)}/logs", _is_end, params=_given(**parameters))

    def stop_container(self, container_id: str) -> ContainerStopped:
        return cast(ContainerStopped, self._post(f"/containers/{_part(container_id)}/stop", None))

    def exec_container(self, container_id: str, argv: list[str], stdin: bytes | None = None) -> Iterator[Event]:
        """Events `stdout` and `stderr` with base64 `data`, and `exit` with `exit_code` as the last one."""
        body = {"argv": argv, "stdin": None if stdin is None else base64.b64encode(stdin).decode()}
        return self._stream("POST", f"/containers/{_part(container_id)}/exec", lambda event: event.name == "exit", json=body)

    def server(self, app: str, name: str, environment: str) -> ServerInfo:
        return cast(ServerInfo, self._get(f"/servers/{_part(app)}/{_part(name)}", environment=environment))

    def _redeploy(self, path: str, environment: str, request: Mapping[str, Any], wait: bool) -> Iterator[Event]:
        params = {"environment": environment, "wait": wait}
        return self._stream("POST", path, _is_published(wait), params=params, json=dict(request))

    def environments(self) -> list[EnvironmentInfo]:
        return cast(list[EnvironmentInfo], self._get("/environments")["environments"])

    def create_environment(
        self, name: str, web_suffix: str | None = None, *, restricted: bool = False, default_role: str | None = None
    ) -> EnvironmentInfo:
        """web_suffix: None makes it from the name. default_role: None follows from `restricted`."""
        access = {"restricted": restricted, "default_role": default_role}
        return cast(EnvironmentInfo, self._post("/environments", {"name": name, "web_suffix": web_suffix, **access}))

    def update_environment(self, name: str, changes: Mapping[str, Any]) -> EnvironmentInfo:
        """changes: name, web_suffix, restricted, default_role; what is not there stays as it is."""
        return cast(EnvironmentInfo, self._call("PATCH", f"/environments/{_part(name)}", json=dict(changes)))

    def delete_environment(self, name: str) -> None:
        self._call("DELETE", f"/environments/{_part(name)}")

    def collect_garbage(self, dry_run: bool) -> Garbage:
        """Returns when all of it is gone, however long that takes. dry_run: only says what would go."""
        return cast(Garbage, self._post("/gc", None, dry_run=dry_run))

    def build_image(self, recipe: Mapping[str, Any], name: str | None) -> Iterator[Event]:
        """Events `build`, and `built` as the last one. name: NAME or NAME:TAG that means this image from then on."""
        body = {"recipe": dict(recipe), "name": name}
        return self._stream("POST", "/images/build", lambda event: event.name == "built", json=body)

    def image_names(self) -> list[ImageNameInfo]:
        return cast(list[ImageNameInfo], self._get("/images/names")["names"])

    def image_logs(self, image_id: str) -> Iterator[Event]:
        """Events `build`, and `end` as the last one."""
        return self._stream("GET", f"/images/{_part(image_id)}/logs", _is_end)

    def _get(self, path: str, **params: str | int | bool | None) -> dict[str, Any]:
        return self._call("GET", path, params=_given(**params))

    def _post(self, path: str, body: object, **params: str | int | bool | None) -> dict[str, Any]:
        # Stopping something waits for it to end: there the platform says how long, not we.
        timeout = (
            httpx.Timeout(None, connect=CONNECT_TIMEOUT_S) if path.endswith(("/stop", "/gc")) else httpx.USE_CLIENT_DEFAULT
        )
        return self._call("POST", path, params=_given(**params), json=body, timeout=timeout)

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise unreachable(self.target, error) from None
        except UnicodeEncodeError:
            raise not_text() from None
        if response.is_error or response.is_redirect:
            raise refused(self.target, response)
        return self._object(response)

    def _object(self, response: httpx.Response) -> dict[str, Any]:
        if response.status_code == httpx.codes.NO_CONTENT:
            return {}
        try:
            value = response.json()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise refused(self.target, response)
        return value

    def _stream(self, method: str, path: str, is_last: Callable[[Event], bool], **options: Any) -> Iterator[Event]:
        try:
            with self._http.stream(method, path, headers={"Accept": "text/event-stream"}, **options) as response:
                if not response.is_success:
                    response.read()
                    raise refused(self.target, response)
                yield from events(response.iter_bytes(), is_last)
        except httpx.TransportError as error:
            raise unreachable(self.target, error) from None
        except UnicodeEncodeError:
            raise not_text() from None


def _given(**params: str | int | bool | None) -> dict[str, str | int | bool]:
    return {name: value for name, value in params.items() if value is not None}


def _is_published(wait: bool) -> Callable[[Event], bool]:
    """What a deployment's stream ends with."""

    def is_last(event: Event) -> bool:
        over = event.data.get("noop") and not event.data.get("under_way")
        return event.name == "settled" or (event.name == "published" and (not wait or bool(over)))

    return is_last


def _is_end(event: Event) -> bool:
    return event.name == "end"


def _part(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")
