"""From an id to the environment that the object is in, in which a request is authorized. Authorizes nothing.

What is known of a thing whose environment was deleted is for managers only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..core import ids
from ..errors import NotFoundError
from ..manifest.schema import AppManifest, ImageRecipe, SecretRef, VolumeMount
from ..store.history import History
from ..store.objects import Kind
from ..store.secrets import SecretTable
from .access import Need, Place, Role, Use
from .environments import Environments
from .objects import Objects
from .vault import secrets_of, secrets_of_image
from .volumes import Volumes


@dataclass(frozen=True, slots=True)
class Places:
    """Used from the control loop's thread; a look takes no longer than a few milliseconds."""

    environments: Environments
    history: History
    secrets: SecretTable
    volumes: Volumes
    objects: Objects
    deploy_under_way: Callable[[str], str | None]  # the environment of this request

    def named(self, environment: str) -> Place:
        """Raises NotFoundError."""
        return self.environments.place(environment)

    def everywhere(self) -> list[Place]:
        return [self.environments.place(row.name) for row in self.environments.rows()]

    def of_app(self, ref: str | None, environment: str) -> Place:
        """That of the App with this id, else the one that was named. Raises NotFoundError for that."""
        row = self.history.find_app(ref, environment) if ref is not None else None
        return self.named(environment) if row is None else self._of_name(row.environment)

    def of_server(self, server_id: str, environment: str) -> Place:
        """Raises as `of_app`."""
        return self.of_app(ids.app_of_service(server_id), environment)

    def of_container(self, container_id: str, environment: str) -> Place:
        """Raises as `of_app`."""
        row = self.history.container(container_id)
        return self.of_app(row.app_id if row else None, environment)

    def of_volume(self, volume_id: str) -> Place:
        """Raises NotFoundError for one that is not there (any more)."""
        return self._of_name(self.volumes.find(volume_id).environment)

    def of_object(self, kind: Kind, object_id: str) -> Place:
        """Raises NotFoundError for one that is not there (any more)."""
        return self._of_id(self.objects.get(kind, object_id, None).environment_id)

    def of_deploy(self, request_id: str) -> Place | None:
        """None for one that is not under way."""
        environment = self.deploy_under_way(request_id)
        return None if environment is None else self._of_name(environment)

    def uses_of(self, manifest: AppManifest) -> tuple[Use, ...]:
        """What its containers and images would be given, as far as it is there at all."""
        mounts = [mount for server in manifest.servers for mount in (*server.volumes, *_of_image(server.image))]
        return (*self._secrets(secrets_of(manifest)), *self._volumes(mounts))

    def uses_of_image(self, recipe: ImageRecipe) -> tuple[Use, ...]:
        return (*self._secrets(secrets_of_image(recipe)), *self._volumes(list(_of_image(recipe))))

    def _secrets(self, refs: tuple[SecretRef, ...]) -> Iterator[Use]:
        """Whoever puts one into a container can read it there, so it takes more than to look at its name."""
        found = self.secrets.by_id({ref.secret_id for ref in refs}) if refs else {}
        for row in found.values():
            what = f"the Secret {row.name!r}" if row.name else "a Secret that was made from values"
            yield Use(what, self._of_id(row.environment_id), Need.CHANGE)

    def _volumes(self, mounts: list[VolumeMount]) -> Iterator[Use]:
        for mount in mounts:
            row = self.volumes.table.find(mount.volume_id) if mount.volume_id else None
            if row is not None:
                need = Need.VIEW if mount.read_only else Need.CHANGE
                yield Use(f"the Volume {(row.name or row.volume_id)!r}", self._of_name(row.environment), need)

    def _of_name(self, environment: str) -> Place:
        try:
            return self.environments.place(environment)
        except NotFoundError:
            return Place("", environment, Role.NO_ACCESS)

    def _of_id(self, environment_id: str) -> Place:
        return self._of_name(self.environments.name_of(environment_id))


def _of_image(recipe: ImageRecipe) -> Iterator[VolumeMount]:
    return (mount for step in recipe.steps for mount in step.volumes)
