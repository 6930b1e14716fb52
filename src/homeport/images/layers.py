"""Reading containers-storage: which directories make up an image. Owns the knowledge of its layout on disk (images.json and
layers.json of the two drivers that we use) and never writes there. No process is started, so it costs microseconds.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

OVERLAY = "overlay"
VFS = "vfs"  # every layer is a whole tree: where overlay can't be stacked on what the disk is


def driver_in_use(root: Path) -> str | None:
    """The driver that this storage was made with; None for a new one."""
    return next((driver for driver in (OVERLAY, VFS) if (root / f"{driver}-images" / "images.json").exists()), None)


def find(root: Path, driver: str, name_or_id: str) -> str | None:
    """The id of the image with this full name or id; None if the storage has none."""
    for image in _read(root / f"{driver}-images" / "images.json"):
        if image["id"] == name_or_id or name_or_id in (image.get("names") or ()):
            return str(image["id"])
    return None


def directories(root: Path, driver: str, image_id: str) -> tuple[str, ...]:
    """The layers of an image as directories, uppermost first, ready to be the `lowerdir`s of an overlay mount.

    Raises LookupError if the storage has no such image, or one of its layers is missing.
    """
    images = {image["id"]: image for image in _read(root / f"{driver}-images" / "images.json")}
    if image_id not in images:
        raise LookupError(f"the storage has no image {image_id}")
    parents = {layer["id"]: layer.get("parent", "") for layer in _read(root / f"{driver}-layers" / "layers.json")}
    chain = []
    layer = str(images[image_id].get("layer", ""))
    while layer:
        if layer not in parents:
            raise LookupError(f"the storage lost layer {layer}")
        chain.append(_content(root, driver, layer))
        if not os.path.isdir(chain[-1]):
            raise LookupError(f"the storage lost the files of layer {layer}")
        layer = parents[layer]
    return tuple(chain[:1] if driver == VFS else chain)


def _content(root: Path, driver: str, layer: str) -> str:
    return str(root / VFS / "dir" / layer if driver == VFS else root / OVERLAY / layer / "diff")


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text())
    except FileNotFoundError:
        return []
    return found
