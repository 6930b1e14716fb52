"""From what people write as a setting to what a manifest holds: types and units. Ranges are for `manifest.checks`.

Each reader takes the setting's name for its message and raises InvalidError for a value of another type.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from ..errors import InvalidError
from ..manifest import volume_paths
from .cloud_bucket import CloudBucketMount
from .references import Proxy
from .secret import Secret
from .volume import Volume

Pair = tuple[int, int | None]


def flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidError(f"`{name}` must be True or False, not {value!r}.")
    return value


def text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidError(f"`{name}` must be text, not {value!r}.")
    return value


def whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidError(f"`{name}` must be a whole number, not {value!r}.")
    return value


def whole_or_none(name: str, value: object) -> int | None:
    return None if value is None else whole(name, value)


def scaled(name: str, value: object, factor: int) -> int:
    """A number times `factor`, rounded; one that is above zero stays above zero."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise InvalidError(f"`{name}` must be a number, not {value!r}.")
    return max(1, round(value * factor)) if value > 0 else min(-1, round(value * factor)) if value < 0 else 0


def request_and_limit(name: str, value: object, factor: int, default: int) -> Pair:
    """A request, or a pair of request and hard limit (semantics 2.1.10)."""
    if value is None:
        return default, None
    given = list(value) if isinstance(value, (tuple, list)) else [value]
    if len(given) not in (1, 2):
        raise InvalidError(f"`{name}` must be a request or a pair (request, limit), not {value!r}.")
    read = [whole(name, item) if factor == 1 else scaled(name, item, factor) for item in given]
    return read[0], read[1] if len(read) == 2 else None


def target_concurrency_centi(value: object) -> int | None:
    """Hundredths; None for 0, and at least one whole request otherwise (semantics 2.1.5)."""
    if value is None:
        return None
    centi = scaled("target_concurrency", value, 100)
    if centi < 0:
        raise InvalidError("The `target_concurrency` argument must not be negative.")
    return max(100, centi) if centi else None


def texts(name: str, value: object) -> tuple[str, ...]:
    """One text or several, in order."""
    if value is None:
        return ()
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Sequence):
        raise InvalidError(f"`{name}` must be text or a list of texts, not {value!r}.")
    return tuple(text(name, item) for item in items)


def environment(value: object) -> tuple[tuple[str, str], ...]:
    """Sorted variables; those that are None are left out."""
    given = mapping("env", value)
    return tuple(sorted((text("env", key), text(f"env[{key!r}]", item)) for key, item in given.items() if item is not None))


def secrets(*lists: object) -> tuple[Secret, ...]:
    """In order, each once: where it is named last, as later ones override earlier ones."""
    found: dict[Secret, None] = {}
    for items in lists:
        if not isinstance(items, Sequence) or isinstance(items, str):
            raise InvalidError(f"`secrets` must be a list of Secrets, not {items!r}.")
        for item in items:
            if not isinstance(item, Secret):
                raise InvalidError(f"`secrets` must hold Secrets, as in Secret.from_name('api-key'), not {item!r}.")
            found.pop(item, None)
            found[item] = None
    return tuple(found)


def volumes(*maps: object) -> dict[str, Volume]:
    """By path in the container."""
    found: dict[str, Volume] = {}
    for path, volume in (pair for given in maps for pair in mapping("volumes", given).items()):
        if isinstance(volume, CloudBucketMount):
            raise InvalidError(
                f"CloudBucketMount ({volume.bucket_name!r}) is not available in this version of homeport; use a Volume, "
                "or reach the bucket with its own client."
            )
        if not isinstance(volume, Volume):
            raise InvalidError(f"`volumes` must map paths to Volumes, as in Volume.from_name('data'), not to {volume!r}.")
        place = text("volumes", path)
        place = place.rstrip("/") or place
        if problem := volume_paths.place_problem(place):
            raise InvalidError(f"the Volume path {place!r} {problem}.")
        found[place] = volume
    return found


def refuse_file_systems(value: object) -> None:
    """Raises InvalidError for the old network file systems, which Volumes replaced."""
    if value:
        raise InvalidError("`network_file_systems` are not available; use `volumes`.")


def proxy(value: object) -> str | None:
    if value is not None and not isinstance(value, Proxy):
        raise InvalidError(f"`proxy` must be a Proxy, as in Proxy.from_name('office'), not {value!r}.")
    return value.name if value is not None else None


def experimental_options(value: object) -> tuple[tuple[str, str], ...]:
    """Sorted (name, value as JSON). `max_concurrency` has its own parameter (semantics 2.1.6)."""
    given = mapping("experimental_options", value)
    if "max_concurrency" in given:
        raise InvalidError("Set `max_concurrency` by its own argument, not in `experimental_options`.")
    try:
        pairs = [(text("experimental_options", key), json.dumps(item, sort_keys=True)) for key, item in given.items()]
    except (TypeError, ValueError) as error:
        raise InvalidError(f"`experimental_options` must hold JSON values: {error}.") from None
    return tuple(sorted(pairs))


def mapping(name: str, value: object) -> Mapping[object, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidError(f"`{name}` must be a dictionary, not {value!r}.")
    return value
