"""Manifest <-> canonical JSON. Owns the form on the wire and on disk; what makes a manifest valid is for `checks`.

Canonical: keys sorted, no blanks, UTF-8, and a field that has its default is left out. So a field that is added later
changes no digest of a manifest that does not use it. The price: a default never changes without a new SCHEMA_VERSION.
Reading is strict: an unknown field, a wrong type or a key given twice is refused by its place in the document.
"""

from __future__ import annotations

import json
import types
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from ..errors import InvalidError
from .schema import SCHEMA_VERSION, AppManifest, ImageRecipe

_WORDS = {str: "text", int: "a whole number", bool: "true or false"}


def dumps(manifest: AppManifest) -> bytes:
    """The canonical bytes. Raises InvalidError where a text holds what UTF-8 can't carry."""
    text = json.dumps(to_json(manifest), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidError(f"Manifest: {text[error.start]!r} is not a character that UTF-8 can carry.") from None


def loads(data: bytes | str) -> AppManifest:
    """Reads what `dumps` wrote, or a person edited. Raises InvalidError naming the field that is wrong."""
    try:
        document = json.loads(data, object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"Manifest is not JSON: {error or 'nested too deep'}.") from None
    return from_json(document)


def to_json(manifest: AppManifest) -> dict[str, Any]:
    """The manifest as JSON values, defaults left out."""
    return cast(dict[str, Any], _plain(manifest)) | {"schema": manifest.schema}


def from_json(document: object) -> AppManifest:
    """The manifest that JSON values stand for. Raises InvalidError naming the field that is wrong."""
    if not isinstance(document, dict):
        raise InvalidError(f"Manifest must be an object with fields, not {_kind(document)}.")
    version = document.get("schema")
    if type(version) is not int or version != SCHEMA_VERSION:
        said = "has no field 'schema'" if version is None else f"has schema {version!r}"
        raise InvalidError(
            f"Manifest {said}, and this homeport reads schema {SCHEMA_VERSION}; use the same version on both sides."
        )
    return cast(AppManifest, _object(AppManifest, document, "manifest"))


def recipe_to_json(recipe: ImageRecipe) -> dict[str, Any]:
    """An image alone as JSON values, defaults left out."""
    return cast(dict[str, Any], _plain(recipe))


def recipe_from_json(document: object) -> ImageRecipe:
    """The image that JSON values stand for. Raises InvalidError naming the field that is wrong."""
    return cast(ImageRecipe, _object(ImageRecipe, document, "image"))


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if getattr(value, f.name) != _default(f)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _default(field: Field[Any]) -> object:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _object(kind: type, document: object, place: str) -> object:
    if not isinstance(document, dict):
        raise InvalidError(f"{place} must be an object with fields, not {_kind(document)}.")
    known = _known_fields(kind)
    unknown = sorted(set(document) - set(known))
    if unknown:
        raise InvalidError(f"{place} has the unknown field {unknown[0]!r}; known are {', '.join(known)}.")
    given = {name: _value(hint, document[name], f"{place}.{name}") for name, (hint, _) in known.items() if name in document}
    missing = [name for name, (_, required) in known.items() if required and name not in given]
    if missing:
        raise InvalidError(f"{place} lacks the field {missing[0]!r}.")
    return kind(**given)


def _value(hint: Any, value: object, place: str) -> object:
    if is_dataclass(hint):
        return _object(cast(type, hint), value, place)
    if get_origin(hint) is tuple:
        return _sequence(get_args(hint), value, place)
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(arg for arg in get_args(hint) if arg is not types.NoneType)
        return None if value is None else _value(inner, value, place)
    if type(value) is not hint:
        raise InvalidError(f"{place} must be {_WORDS[hint]}, not {_kind(value)}.")
    if isinstance(value, str) and not _encodable(value):
        raise InvalidError(f"{place} holds a character that UTF-8 can't carry.")
    return value


def _sequence(hints: tuple[Any, ...], value: object, place: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise InvalidError(f"{place} must be a list, not {_kind(value)}.")
    if hints[-1] is Ellipsis:
        return tuple(_value(hints[0], item, f"{place}[{index}]") for index, item in enumerate(value))
    if len(value) != len(hints):
        raise InvalidError(f"{place} must have {len(hints)} items, not {len(value)}.")
    return tuple(
        _value(hint, item, f"{place}[{index}]") for index, (hint, item) in enumerate(zip(hints, value, strict=True))
    )


@cache
def _known_fields(kind: type) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    return {f.name: (hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(kind)}


def _no_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the field {next(n for n in names if names.count(n) > 1)!r} is given twice")
    return found


def _encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else repr(value)[:60]
