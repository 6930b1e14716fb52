"""What is on its way to being published or built: until then it can be taken back, and what it needs is kept.

Owns that both hold from the first look at it until it is over, however long that takes. Knows neither how something is built
nor how it is collected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..errors import ConflictError
from ..manifest import placing
from ..manifest.schema import AppManifest, ImageRecipe
from ..ports import Image
from .vault import secrets_of, secrets_of_image

TAKEN_BACK = "This deploy was cancelled before it was published; nothing has changed."


@dataclass(eq=False, slots=True)
class Preparation:
    """One deploy, rollback, rollover, or (with `recipe` alone) build. `images`: those that it has so far."""

    task: asyncio.Task[object]
    request_id: str | None
    environment: str
    manifest: AppManifest | None = None
    recipe: ImageRecipe | None = None
    images: dict[ImageRecipe, Image] = field(default_factory=dict)
    taken_back: bool = False

    def secret_ids(self) -> frozenset[str]:
        of_manifest = secrets_of(self.manifest) if self.manifest else ()
        of_recipe = secrets_of_image(self.recipe) if self.recipe else ()
        return frozenset(ref.secret_id for ref in (*of_manifest, *of_recipe))

    def image_ids(self) -> frozenset[str]:
        named = [server.image_id for server in self.manifest.servers] if self.manifest else []
        return frozenset((*named, *(image.image_id for image in tuple(self.images.values()))))

    def trees(self) -> frozenset[str]:
        """Digests of all that it may lay out: for containers, and for builds."""
        manifest = self.manifest
        of_manifest = (*placing.running_trees(manifest), *placing.building_trees(manifest)) if manifest else ()
        return frozenset((*of_manifest, *(placing.image_trees(self.recipe) if self.recipe else ())))


class Preparing:
    """Everything that is under way. Changed on the control loop's thread, read from any."""

    def __init__(self) -> None:
        self._under_way: list[Preparation] = []

    @contextmanager
    def hold(
        self, request_id: str | None = None, environment: str = "", *, recipe: ImageRecipe | None = None
    ) -> Iterator[Preparation]:
        """Around the work of the task that runs now. Raises ConflictError there when it is taken back by `request_id`."""
        task = asyncio.current_task()
        assert task is not None
        held = Preparation(task, request_id, environment, recipe=recipe)
        self._under_way.append(held)
        try:
            yield held
        except asyncio.CancelledError:
            if not held.taken_back:
                raise
            task.uncancel()
            raise ConflictError(TAKEN_BACK) from None
        finally:
            self._under_way.remove(held)

    def under_way(self) -> tuple[Preparation, ...]:
        return tuple(self._under_way)

    def cancel(self, request_id: str) -> bool:
        """End a deploy that is not published yet, its builds included. Returns False where it is too late, or never was."""
        found = self._of(request_id)
        for each in found:
            each.taken_back = True
            each.task.cancel()
        return bool(found)

    def environment(self, request_id: str) -> str | None:
        """That of a deploy that is not published yet."""
        return next((each.environment for each in self._of(request_id)), None)

    def _of(self, request_id: str) -> list[Preparation]:
        return [each for each in self._under_way if each.request_id == request_id]
