"""What was built, as our own note, so that asking costs no process; the storage remains the truth, and an entry whose layers
are gone does not count. Written whole and renamed.

    images   recipe digest -> image (or `only:IMAGE ID`, where it was built for one deploy and is not to be found by recipe)
    links    digest of the beginning of a chain -> id of the stored image: the cache of build steps; known at once, and
             written down when they are settled, that is when their layers are on disk
    used     image id -> when it was last needed, in seconds since the epoch
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ..ports import Image
from ..runtime import durable

SCHEMA = 2
ONLY = "only:"
USED_AGAIN_S = 3600  # a time is written down at most so often


class Index:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._images: dict[str, Image] = {}
        self.links: dict[str, str] = {}
        self._settled: dict[str, str] = {}
        self._used: dict[str, float] = {}
        self._load()

    def get(self, key: str) -> Image | None:
        """None also for an image that lost a layer."""
        image = self._images.get(key)
        return image if image and all(os.path.isdir(layer) for layer in image.layers) else None

    def find(self, image_id: str) -> Image | None:
        return next((image for image in self._images.values() if image.image_id == image_id), None)

    def all(self) -> dict[str, Image]:
        return dict(self._images)

    def put(self, key: str, image: Image) -> None:
        """An image that `key` stood for until now stays, by its id alone."""
        before = self._images.get(key)
        if before and before.image_id != image.image_id and not self._has_other_key(key, before.image_id):
            self._images[ONLY + before.image_id] = before
        self._images[key] = image
        self._save()

    def settle(self, links: dict[str, str]) -> None:
        """These are to outlive us, as far as they still hold."""
        holding = links.items() & self.links.items()
        if holding - self._settled.items():
            self._settled |= holding
            self._save()

    def unlink(self, image_ids: set[str]) -> None:
        self._settled = {digest: image_id for digest, image_id in self._settled.items() if image_id not in image_ids}
        self.links = {digest: image_id for digest, image_id in self.links.items() if image_id not in image_ids}
        self._used = {image_id: at for image_id, at in self._used.items() if image_id not in image_ids}
        self._save()

    def discard(self, image_id: str) -> None:
        self._images = {key: image for key, image in self._images.items() if image.image_id != image_id}
        self.unlink({image_id})

    def use(self, *image_ids: str) -> None:
        """They are needed now."""
        now = time.time()
        stale = [image_id for image_id in image_ids if now - self._used.get(image_id, 0.0) > USED_AGAIN_S]
        if stale:
            self._used |= dict.fromkeys(stale, now)
            self._save()

    def used_s(self, image_id: str) -> float:
        return self._used.get(image_id, 0.0)

    def _has_other_key(self, key: str, image_id: str) -> bool:
        return any(image.image_id == image_id for other, image in self._images.items() if other != key)

    def _save(self) -> None:
        body = {
            "schema": SCHEMA,
            "images": {key: _to_json(image) for key, image in self._images.items()},
            "links": self._settled,
            "used": self._used,
        }
        durable.write(self._path, json.dumps(body, indent=1).encode())

    def _load(self) -> None:
        """Empty when it is missing, unreadable or of another schema: then everything is built again."""
        try:
            body = json.loads(self._path.read_text())
            if body["schema"] == SCHEMA:
                self._images = {key: _from_json(image) for key, image in body["images"].items()}
                self._settled = {str(digest): str(image_id) for digest, image_id in body["links"].items()}
                self.links = dict(self._settled)
                self._used = {str(image_id): float(at) for image_id, at in body["used"].items()}
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            self._images, self._settled, self.links, self._used = {}, {}, {}, {}


def _to_json(image: Image) -> dict[str, object]:
    return {
        "image_id": image.image_id,
        "layers": list(image.layers),
        "python_version": image.python_version,
        "env": [list(pair) for pair in image.env],
        "entrypoint": list(image.entrypoint),
        "command": list(image.command),
        "workdir": image.workdir,
        "base_layers": image.base_layers,
    }


def _from_json(body: dict[str, Any]) -> Image:
    env = tuple((str(name), str(value)) for name, value in body["env"])
    return Image(
        image_id=str(body["image_id"]),
        layers=tuple(map(str, body["layers"])),
        python_version=str(body["python_version"]),
        env=env,
        entrypoint=tuple(map(str, body["entrypoint"])),
        command=tuple(map(str, body["command"])),
        workdir=str(body["workdir"]),
        base_layers=int(body["base_layers"]),
    )
