"""From "start this container" to everything that the engine needs for it: image, files, environment, command.

Owns what a container of ours sees of the platform. Reads manifests, images and sources; starts nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.actions import StartContainer
from ..core.model import World
from ..core.states import DeploymentState
from ..errors import InvalidError, NotFoundError
from ..manifest import mounted, placing
from ..manifest.schema import AppManifest, ServerSpec
from ..ports import Bind, ContainerSpec, Image, Images
from ..settings import Settings
from ..store.manifests import Manifests
from ..store.sources import Sources
from ..store.trees import Trees
from ..store.volumes import VolumeStore
from . import volume_mounts
from .identity import Identity
from .vault import Vault

GUEST_LIB = "/opt/homeport/lib"
INSIDE = "/run/homeport"
COMMAND = ("python3", "-I", "-S", f"{GUEST_LIB}/homeport/guest/main.py")
GUEST = ("HOMEPORT_GUEST_MODULE", "HOMEPORT_GUEST_PATH", "HOMEPORT_GUEST_CLASS")
HOME = "/root"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Preparer:
    """`guest_lib` is the directory that holds our package as containers see it (`daemon.guestlib`), `inside` the one with
    the socket through which they reach the platform.
    """

    settings: Settings
    images: Images
    manifests: Manifests
    sources: Sources
    trees: Trees
    guest_lib: Path
    volumes: VolumeStore
    vault: Vault
    identity: Identity
    inside: Path

    async def spec(self, action: StartContainer) -> ContainerSpec:
        """Raises NotFoundError or another `Error` for what is missing, OSError for the disk."""
        manifest = await asyncio.to_thread(self.manifests.recall, action.manifest_digest)
        server = next(s for s in manifest.servers if s.name == action.service_name)
        image = await self.images.find(server.image_id)
        if image is None:
            raise NotFoundError(f"its image is gone (python {server.image.python_version}); deploy the App again")
        binds, values = await asyncio.to_thread(self._binds_and_secrets, manifest, server, image)
        hidden = secret_environment(values, server, self.identity.token(action))
        told = environment(self.settings, action, server, image)
        return ContainerSpec(
            container_id=action.container_id,
            app_id=action.app_id,
            service_id=action.service_id,
            image_layers=image.layers,
            command=command(server, image),
            env=tuple(pair for pair in told if pair[0] not in dict(hidden)),
            binds=binds,
            resources=server.resources,
            port=server.port,
            hostname=action.container_id.lower(),
            log_path=str(log_path(self.settings.data_dir, action.app_id, action.container_id)),
            secret_env=hidden,
            base_layers=image.base_layers,
            may_fork=self.settings.backend == "auto" and _is_class(server) and not action.gpus,
            cwd=working_directory(image) if _is_class(server) else image.workdir or "/",
            gpus=action.gpus,
            snapshot=snapshot_name(action.service_id, action.version) if _wants_snapshot(server) else "",
        )

    def _binds_and_secrets(
        self, manifest: AppManifest, server: ServerSpec, image: Image
    ) -> tuple[tuple[Bind, ...], dict[str, str]]:
        """All that is read from disk. Blocks."""
        volumes = volume_mounts.binds(server, self.volumes) if server.volumes else ()
        binds = (*self._own_binds(server), *self._file_binds(manifest, server, image), *volumes)
        return binds, self.vault.values(server.secrets)

    def _own_binds(self, server: ServerSpec) -> tuple[Bind, ...]:
        own = (Bind(str(self.guest_lib), GUEST_LIB),) if _is_class(server) else ()
        return (*own, Bind(str(self.inside), INSIDE))

    def _file_binds(self, manifest: AppManifest, server: ServerSpec, image: Image) -> Iterator[Bind]:
        """The user's files, read-only; what the image has beside them stays, and the rest of /root is the container's."""
        placed = self.trees.placements(manifest, server)
        layers = [Path(layer) for layer in image.layers]
        for shown in placing.shown(placed, lambda path: any(_is_folder(layer, path) for layer in layers)):
            yield Bind(str(self.sources.materialise(shown.tree) / shown.path), shown.target)


def command(server: ServerSpec, image: Image) -> tuple[str, ...]:
    """What the container's first process runs. Raises InvalidError for a Server without a class whose image runs nothing."""
    argv = COMMAND if _is_class(server) else server.command or (*image.entrypoint, *image.command)
    if not argv:
        raise InvalidError(f"the image of Server {server.name!r} has no command of its own; deploy it with --cmd")
    return argv


def _is_class(server: ServerSpec) -> bool:
    return bool(server.entry.module)


def snapshot_name(service_id: str, version: int) -> str:
    return f"{service_id}.{version}"


def snapshot_names(world: World) -> Iterator[str]:
    """Of all versions that may still get a container."""
    for app in world.apps.values():
        for deployment in app.deployments:
            if deployment.state in (DeploymentState.ROLLING, DeploymentState.LIVE):
                yield from (snapshot_name(service.service_id, deployment.version) for service in app.services)


def _wants_snapshot(server: ServerSpec) -> bool:
    """What a GPU holds can't be forked."""
    return server.enable_memory_snapshot and _is_class(server) and not server.resources.gpu


def log_path(data_dir: Path, app_id: str, container_id: str) -> Path:
    """Logs outlive their containers, so they are kept by App."""
    return data_dir / "logs" / app_id / f"{container_id}.log"


def working_directory(image: Image) -> str:
    """Where its WORKDIR says; `/`, which many registries' images say, is as good as nothing."""
    return image.workdir if image.workdir not in ("", "/") else HOME


def secret_environment(values: Mapping[str, str], server: ServerSpec, token: str) -> tuple[tuple[str, str], ...]:
    """What goes to the container by a way of its own, and to no disk: its Secrets, without what `env=` sets (semantics
    6.1.1), and its token. It goes before the rest of the environment.
    """
    said = {name for name, _ in server.env} | set(GUEST)
    mine = {name: value for name, value in values.items() if name not in said}
    mine |= {f"{prefix}_IDENTITY_TOKEN": token for prefix in ("MODAL", "HOMEPORT")}
    return tuple(sorted(mine.items()))


def environment(settings: Settings, action: StartContainer, server: ServerSpec, image: Image) -> tuple[tuple[str, str], ...]:
    """The image's, then what the platform tells a container (semantics 3.7.14), then the user's own, which wins."""
    told = {
        "CLOUD_PROVIDER": "homeport",
        "ENVIRONMENT": action.environment,
        "IMAGE_ID": image.image_id,
        "IS_REMOTE": "1",
        "REGION": settings.compute_region,
        "TASK_ID": action.container_id,
    }
    merged = {"PATH": DEFAULT_PATH, "HOME": HOME, "PYTHONUNBUFFERED": "1", **dict(image.env)}
    merged |= {f"{prefix}_{name}": value for prefix in ("MODAL", "HOMEPORT") for name, value in told.items()}
    merged |= dict(server.env) | mounted.environment(server.volumes)
    if _is_class(server):
        merged |= dict(zip(GUEST, (server.entry.module, server.entry.path or "", server.entry.qualname), strict=True))
    return tuple(sorted(merged.items()))


def _is_folder(layer: Path, path: str) -> bool:
    """Whether a layer has a folder there, on the way to which there are no links: those are not followed out of it."""
    here = layer
    for part in path.strip("/").split("/"):
        here /= part
        if here.is_symlink() or not here.is_dir():
            return False
    return True
