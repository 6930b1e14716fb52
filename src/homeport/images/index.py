"""What was built: recipe digest -> image. Our own note, so that asking costs no process; the storage remains the truth, and
an entry whose layers are gone does not count. Written whole and renamed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..ports import Image

SCHEMA = 1


class Index:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._images = _load(path)

    def get(self, key: str) -> Image | None:
        """None also for an image that lost a layer."""
        image = self._images.get(key)
        return image if image and all(os.path.isdir(layer) for layer in image.layers) else None

    def all(self) -> dict[str, Image]:
        return dict(self._images)

    def put(self, key: str, image: Image) -> None:
        self._images[key] = image
        self._save()

    def discard(self, image_id: str) -> None:
        self._images = {key: image for key, image in self._images.items() if image.image_id != image_id}
        self._save()

    def _save(self) -> None:
        body = {"schema": SCHEMA, "images": {key: _to_json(image) for key, image in self._images.items()}}
        part = self._path.with_suffix(".part")
        with part.open("w") as file:
            json.dump(body, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._path)


def _load(path: Path) -> dict[str, Image]:
    """Empty when it is missing, unreadable or of another schema: everything is found again through the storage."""
    try:
        body = json.loads(path.read_text())
        if body["schema"] != SCHEMA:
            return {}
        return {key: _from_json(image) for key, image in body["images"].items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _to_json(image: Image) -> dict[str, object]:
    return {
        "image_id": image.image_id,
        "layers": list(image.layers),
        "python_version": image.python_version,
        "env": [list(pair) for pair in image.env],
    }


def _from_json(body: dict[str, Any]) -> Image:
    env = tuple((str(name), str(value)) for name, value in body["env"])
    return Image(str(body["image_id"]), tuple(map(str, body["layers"])), str(body["python_version"]), env)
