"""A platform that answers from memory and notes what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from homeport.control.requests import CreateRequest, DeployRequest, Event, LogQuery, RedeployRequest
from homeport.manifest.schema import AppManifest, ImageRecipe
from homeport.store.blobs import Blobs

APP_ID = "ap-" + "1" * 22
STATUS: dict[str, Any] = {
    "version": "0.1",
    "data_dir": "/d",
    "workspace": "home",
    "domain": "localhost",
    "started_at": "2026-01-01T00:00:00Z",
    "control_plane": {"pid": 1, "url": "u"},
    "router": {"pid": 2, "url": "u", "http_port": 8080, "state": "up"},
    "spawner": {"pid": 3, "state": "up", "backends": {}},
    "apps": 1,
    "containers": 2,
}
SUMMARY: dict[str, Any] = {
    "app_id": APP_ID,
    "description": "hello",
    "state": "deployed",
    "version": 1,
    "tasks": "1",
    "created_at": "2026-01-01T00:00:00Z",
    "stopped_at": None,
}
WHEN = ("created_at", "created_by", "deployed_at", "deployed_by", "stopped_at", "stopped_by")
INFO: dict[str, Any] = {
    "description": "hello",
    "app_id": APP_ID,
    "environment": "main",
    "lifecycle": {"state": "deployed", "version": 1, **dict.fromkeys(WHEN)},
    "functions": {},
    "servers": {"web": {"id": "s", "summary": "x", "url": "u"}},
}
HISTORY: dict[str, Any] = {
    "version": 1,
    "time_deployed": "t",
    "client": "0.1",
    "deployed_by": "admin",
    "commit": None,
    "tag": "",
    "type": "standard",
    "rollback_version": None,
    "rollback_allowed": True,
    "outcome": "live",
    "duration_ms": 5,
    "reason": None,
}
CONTAINER: dict[str, Any] = {
    "container_id": "co-1",
    "app_id": APP_ID,
    "app_name": "hello",
    "server": "web",
    "version": 1,
    "state": "ready",
    "reason": "",
    "host": "10.0.0.2",
    "port": 8000,
    "started_at": None,
    "exit_code": None,
}
SERVER: dict[str, Any] = {
    "server_name": "web",
    "object_id": "s",
    "app_id": APP_ID,
    "app_name": "hello",
    "url": "u",
    "server_url": "u",
    "port": 8000,
    "unauthenticated": False,
    "h2_enabled": False,
    "routing_region": "us-east",
    "startup_timeout": 30.0,
    "exit_grace_period": 0.0,
    "cpu": 0.125,
    "memory_mib": 128,
    "image_id": "im-1",
    "sessioned": False,
    "autoscaling": {},
    "volumes": [],
    "secrets": [],
    "version": 1,
    "containers": 1,
}


PLAN: dict[str, Any] = {
    "app_id": None,
    "app_name": "hello",
    "environment": "main",
    "noop": False,
    "manifest_digest": "a" * 64,
    "against": None,
    "version": 1,
    "changes": [{"path": "name", "kind": "added", "before": None, "after": "hello"}],
}
CREATED: dict[str, Any] = {"app_id": APP_ID, "description": "hello", "environment": "main", "created": True}
ACT: dict[str, Any] = {
    "record": 7,
    "time": "t",
    "actor": "admin",
    "action": "app.deploy",
    "app_id": APP_ID,
    "app_name": "hello",
    "environment": "main",
    "version": 1,
    "container_id": None,
    "object": None,
    "hash": "b" * 64,
}
VERDICT: dict[str, Any] = {"ok": False, "records": 9, "problem": "record 3 is missing"}


class NoPlaces:
    """Nothing is given to anything."""

    def uses_of(self, manifest: AppManifest) -> tuple[()]:
        return ()

    def uses_of_image(self, recipe: ImageRecipe) -> tuple[()]:
        return ()


class FakePlatform:
    places: Any = NoPlaces()

    def __init__(self, root: Path) -> None:
        self.blobs = Blobs(root / "blobs")
        self.asked: list[Any] = []
        self.fails: Exception | None = None  # every method raises it
        self.events = [Event("progress", {"stage": "check", "message": "line one\nline two"})]
        self.fails_after_events: Exception | None = None
        self.gate: asyncio.Event | None = None  # between the first event and the others
        self.finished = False  # a stream was read to its end
        self.cancelled = False

    def _asked(self, *what: Any) -> None:
        self.asked.append(what)
        if self.fails is not None:
            raise self.fails

    async def _stream(self, *what: Any) -> AsyncIterator[Event]:
        self._asked(*what)
        try:
            for number, event in enumerate(self.events):
                if number == 1 and self.gate is not None:
                    await self.gate.wait()
                yield event
            if self.fails_after_events is not None:
                raise self.fails_after_events
            self.finished = True
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    async def status(self) -> dict[str, Any]:
        self._asked("status")
        return STATUS

    def apps(self, environment: str) -> list[dict[str, Any]]:
        self._asked("apps", environment)
        return [SUMMARY]

    async def app_info(self, ref: str, environment: str) -> dict[str, Any]:
        self._asked("app_info", ref, environment)
        return INFO

    async def history(self, ref: str, environment: str) -> list[dict[str, Any]]:
        self._asked("history", ref, environment)
        return [HISTORY]

    def deploy(self, request: DeployRequest, wait: bool) -> AsyncIterator[Event]:
        return self._stream("deploy", request, wait)

    def redeploy(self, request: RedeployRequest, wait: bool) -> AsyncIterator[Event]:
        return self._stream("redeploy", request, wait)

    async def plan(self, request: DeployRequest) -> dict[str, Any]:
        self._asked("plan", request)
        return PLAN

    async def create_app(self, request: CreateRequest) -> dict[str, Any]:
        self._asked("create_app", request)
        return CREATED

    async def app_tags(self, ref: str, environment: str) -> dict[str, Any]:
        self._asked("app_tags", ref, environment)
        return {"team": "blue"}

    async def set_app_tags(self, ref: str, environment: str, tags: dict[str, str], actor: str) -> dict[str, Any]:
        self._asked("set_app_tags", ref, environment, tags, actor)
        return dict(tags)

    async def audit(self, count: int) -> list[dict[str, Any]]:
        self._asked("audit", count)
        return [ACT]

    async def verify_audit(self) -> dict[str, Any]:
        self._asked("verify_audit")
        return VERDICT

    async def stop_app(self, ref: str, environment: str, actor: str) -> dict[str, Any]:
        self._asked("stop_app", ref, environment, actor)
        return {"app_id": APP_ID, "containers_ended": 2, "requests_cut": 0}

    def logs(self, query: LogQuery) -> AsyncIterator[Event]:
        return self._stream("logs", query)

    def containers(self, app_ref: str | None, environment: str, ended: bool) -> list[dict[str, Any]]:
        self._asked("containers", app_ref, environment, ended)
        return [CONTAINER]

    async def stop_container(self, container_id: str, actor: str) -> dict[str, Any]:
        self._asked("stop_container", container_id, actor)
        return {"container_id": container_id, "state": "ended", "requests_cut": 1}

    def exec(self, container_id: str, argv: tuple[str, ...], stdin: bytes | None) -> AsyncIterator[Event]:
        return self._stream("exec", container_id, argv, stdin)

    def server_by_id(self, server_id: str) -> dict[str, Any]:
        self._asked("server_by_id", server_id)
        return SERVER

    def server_info(self, app_ref: str, server: str, environment: str) -> dict[str, Any]:
        self._asked("server_info", app_ref, server, environment)
        return SERVER
