"""A platform with real people, environments, Secrets, Volumes, Dicts and Queues, and Apps that are made up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NoReturn

from control.people import People
from control.plant import Plant
from homeport.control.access import Place
from homeport.control.autoscaler import Autoscaler
from homeport.control.builds import Builds
from homeport.control.dicts import Dicts
from homeport.control.metrics import Metrics
from homeport.control.objects import Objects
from homeport.control.places import Places
from homeport.control.preparing import Preparing
from homeport.control.queues import Queues
from homeport.control.requestlog import RequestLog
from homeport.control.traffic import Traffic
from homeport.control.usage import Sampler
from homeport.errors import NotFoundError
from homeport.store.objects import Kind, ObjectFile
from homeport.store.requests import RequestStore
from homeport.store.samples import SampleStore

from .fakes import FakePlatform
from .test_environment_routes import FakeCollector
from .test_image_routes import Shelf


class MadeUp(Places):
    """The App `ap-prod`, its Server `fu-prod`, container `ta-prod` and deploy `de-prod` are in the environment `prod`."""

    def of_app(self, ref: str | None, environment: str) -> Place:
        return self.named("prod" if ref == "ap-prod" else environment)

    def of_server(self, server_id: str, environment: str) -> Place:
        return self.named("prod" if server_id == "fu-prod" else environment)

    def of_container(self, container_id: str, environment: str) -> Place:
        return self.named("prod" if container_id == "ta-prod" else environment)


def no_app(ref: str, environment: str) -> NoReturn:
    raise NotFoundError(f"App {ref!r} not found in environment {environment!r}")


class Workspace(FakePlatform):
    """In `prod`, besides `main`: a Volume, a Secret, a Dict and a Queue; `things` are their ids by kind."""

    workspace = "home"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.plant = Plant(root / "plant")
        self.people = People(self.plant)
        self.environments, self.members = self.plant.environments, self.people.members
        self.proxy_tokens, self.secrets, self.volumes = self.people.proxy_tokens, self.plant.secrets, self.plant.volumes
        self.objects = Objects(ObjectFile(root / "objects.db"), self.environments, self.plant.clock)
        self.dicts, self.queues = Dicts(self.objects, root / "uploads"), Queues(self.objects)
        self.builds, self.collector = Builds(Shelf(), Preparing()), FakeCollector()
        self.autoscaler = Autoscaler(self.plant.publisher, self.members, no_app)
        plant, self.requests, self.samples = self.plant, RequestStore(root / "requests.db"), SampleStore(root / "samples.db")
        log = RequestLog(self.requests, plant.publisher.settings, plant.clock, dict)
        self.traffic = Traffic(log, plant.history, plant.loop, plant.clock)
        self.traffic.find_app = no_app
        spawner: Any = None  # is not asked: nothing runs
        self.metrics = Metrics(self.traffic, Sampler(spawner, self.samples, lambda: plant.loop.world, plant.clock))
        self.environments.create("prod", None, "o")
        self.things = self._make_things()

    @property
    def places(self) -> MadeUp:
        table, under_way = self.plant.vault.table, {"de-prod": "prod"}.get
        return MadeUp(self.environments, self.plant.history, table, self.volumes, self.objects, under_way)

    def close(self) -> None:
        self.objects.close()
        self.requests.close()
        self.samples.close()
        self.plant.database.close()

    async def volume_users(self, volume_id: str) -> dict[str, Any]:
        self.volumes.find(volume_id)
        return {"apps": []}

    async def delete_volume(self, volume_id: str, actor: str) -> dict[str, Any]:
        return self.volumes.delete(volume_id, actor)

    def cancel_deploy(self, request_id: str) -> bool:
        self._asked("cancel_deploy", request_id)
        return request_id == "de-prod"

    def _make_things(self) -> dict[str, str]:
        volume = self.volumes.create("data", "prod", allow_existing=False, actor="o")
        secret = self.secrets.create("data", "prod", {"TOKEN": "x"}, overwrite=False, actor="o")
        made = {"volume": str(volume["volume_id"]), "secret": str(secret["secret_id"])}
        for kind in Kind:
            line = asyncio.run(self.objects.create(kind, "data", "prod", allow_existing=False, actor="o"))
            made[kind.value] = str(line["object_id"])
        return made
