"""Reading containers-storage: which directories make up an image. Owns the knowledge of its layout on disk (images.json and
layers.json of the two drivers that we use) and never writes there. No process is started, so it costs microseconds.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

OVERLAY = "overlay"
VFS = "vfs"  # every layer is a whole tree: where overlay can't be stacked on what the disk is

Pairs = list[tuple[str, Any]]


def driver_in_use(root: Path) -> str | None:
    """The driver that this storage was made with; None for a new one."""
    return next((driver for driver in (OVERLAY, VFS) if (root / f"{driver}-images" / "images.json").exists()), None)


def find(root: Path, driver: str, name_or_id: str) -> str | None:
    """The id of the image with this full name or id; None if the storage has none."""
    for image in _read(root / f"{driver}-images" / "images.json"):
        if image["id"] == name_or_id or name_or_id in (image.get("names") or ()):
            return str(image["id"])
    return None


def names(root: Path, driver: str) -> set[str]:
    """Of all images."""
    return {str(name) for image in _read(root / f"{driver}-images" / "images.json") for name in image.get("names") or ()}


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


@dataclass(frozen=True, slots=True)
class Stored:
    """An image in the storage. `chain`: the ids of its layers, uppermost first."""

    image_id: str
    names: tuple[str, ...]
    chain: tuple[str, ...]
    created_s: float


def configuration(root: Path, driver: str, image_id: str) -> dict[str, Any]:
    """The image's configuration document (`config`, `architecture`, `history`…). Raises LookupError if there is none."""
    found: dict[str, Any] = _configuration(root, driver, image_id)
    return found


def has_triggers(root: Path, driver: str, image_id: str) -> bool:
    """Whether it has instructions (ONBUILD) for builds on it, wherever they are: who wrote it may have hidden them.

    Raises LookupError as `configuration`.
    """
    found: list[object] = []

    def look(pairs: Pairs) -> dict[str, Any]:
        found.extend(value for key, value in pairs if key.lower() == "onbuild" and value)
        return dict(pairs)

    _configuration(root, driver, image_id, look)
    return bool(found)


def by_prefix(root: Path, driver: str, prefix: str) -> str | None:
    """The id of the image whose id begins so; None if that is none, or several."""
    found = [image["id"] for image in _read(root / f"{driver}-images" / "images.json") if image["id"].startswith(prefix)]
    return str(found[0]) if len(found) == 1 else None


def stored(root: Path, driver: str) -> list[Stored]:
    """Every image, those between the steps of a build included."""
    parents = {layer["id"]: layer.get("parent", "") for layer in _read(root / f"{driver}-layers" / "layers.json")}
    found = []
    for image in _read(root / f"{driver}-images" / "images.json"):
        chain = []
        layer = str(image.get("layer", ""))
        while layer and layer in parents:
            chain.append(layer)
            layer = parents[layer]
        found.append(Stored(image["id"], tuple(image.get("names") or ()), tuple(chain), _time(image.get("created", ""))))
    return found


def sizes(root: Path, driver: str) -> dict[str, int]:
    """Bytes that each layer adds, by its id."""
    return {str(x["id"]): max(0, int(x.get("diff-size") or 0)) for x in _read(root / f"{driver}-layers" / "layers.json")}


def _configuration(root: Path, driver: str, image_id: str, look: Callable[[Pairs], dict[str, Any]] | None = None) -> Any:
    name = base64.b64encode(f"sha256:{image_id}".encode()).decode()
    try:
        text = (root / f"{driver}-images" / image_id / f"={name}").read_bytes()
        return json.loads(text, object_pairs_hook=look)
    except (FileNotFoundError, ValueError, RecursionError):
        raise LookupError(f"the storage lost the configuration of image {image_id}") from None


def _time(text: str) -> float:
    try:
        return datetime.fromisoformat(text[:19] + "+00:00").timestamp()
    except ValueError:
        return 0.0


def _content(root: Path, driver: str, layer: str) -> str:
    return str(root / VFS / "dir" / layer if driver == VFS else root / OVERLAY / layer / "diff")


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text())
    except FileNotFoundError:
        return []
    return found
