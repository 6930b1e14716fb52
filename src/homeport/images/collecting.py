"""Which cached layers go: pure. Cached is what is in the storage and no image that was built, named or is running needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from .layers import Stored


@dataclass(frozen=True, slots=True)
class Limits:
    age_s: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Cached:
    """`size_bytes`: of its own layer, and `used_s`: when it was last needed, in seconds since the epoch."""

    image_id: str
    used_s: float
    size_bytes: int


def cached(
    images: Iterable[Stored], sizes: Mapping[str, int], kept: Collection[str], used_s: Callable[[str], float]
) -> list[Cached]:
    """Oldest first. What a kept image stands on is not among them: it takes no room of its own."""
    images = list(images)
    needed = {layer for image in images if image.image_id in kept for layer in image.chain}
    free = [image for image in images if image.image_id not in kept and not (image.chain and image.chain[0] in needed)]
    found = [Cached(image.image_id, used_s(image.image_id) or image.created_s, _own(image, needed, sizes)) for image in free]
    return sorted(found, key=lambda each: (each.used_s, each.image_id))


def over(found: Iterable[Cached], limits: Limits, now_s: float) -> list[Cached]:
    """Those that are too old, and of the others as many of the oldest as there are too many bytes."""
    found = list(found)
    old = [each for each in found if now_s - each.used_s > limits.age_s]
    rest = [each for each in found if now_s - each.used_s <= limits.age_s]
    excess = sum(each.size_bytes for each in rest) - limits.size_bytes
    for each in rest:
        if excess <= 0:
            break
        old.append(each)
        excess -= each.size_bytes
    return old


def _own(image: Stored, needed: Collection[str], sizes: Mapping[str, int]) -> int:
    """Of its uppermost layer: those beneath it belong to the images that they were made for."""
    top = image.chain[0] if image.chain else ""
    return 0 if top in needed else sizes.get(top, 0)
