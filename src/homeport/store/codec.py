"""An App as JSON text and back. Owns the stored form and its version; refuses to know where it is stored.

Everything in `core.model` is made of dataclasses, enums, tuples, strings, integers and booleans, so the types themselves
say how to read it. A field that an older homeport did not write takes its default.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from ..core.model import App
from ..errors import PlatformError

FORMAT = 1

Reader = Callable[[Any], Any]


def dumps(app: App) -> str:
    """The App as one line of JSON."""
    return json.dumps({"format": FORMAT, "app": app}, default=_as_fields, separators=(",", ":"))


def loads(text: str) -> App:
    """The App that `dumps` wrote. Raises PlatformError for another format and for what is no App."""
    try:
        stored = json.loads(text)
        found = stored["format"]
        if found == FORMAT:
            app: App = _reader(App)(stored["app"])
            return app
    except (ValueError, KeyError, TypeError) as error:
        raise PlatformError(f"The journal holds an App that can't be read ({error!r}): restore it from a backup.") from error
    raise PlatformError(
        f"The journal holds an App in format {found}, this homeport reads format {FORMAT}: start the version that wrote it."
    )


def _as_fields(value: Any) -> dict[str, object]:
    return {name: getattr(value, name) for name in _names(value.__class__)}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _reader(kind: Any) -> Reader:
    if get_origin(kind) is tuple:
        item = _reader(get_args(kind)[0])
        return lambda value: tuple(item(one) for one in _expect(list, value))
    if get_origin(kind) in (Union, UnionType):
        (inner,) = (arg for arg in get_args(kind) if arg is not NoneType)
        present = _reader(inner)
        return lambda value: None if value is None else present(value)
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_reader(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if kind in (int, str, bool):
        return lambda value: _expect(kind, value)
    raise TypeError(f"no stored form for {kind!r}")


def _dataclass_reader(kind: type[Any]) -> Reader:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    required = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}

    def read(value: Any) -> Any:
        stored = _expect(dict, value)
        if not required <= stored.keys() <= readers.keys():
            raise TypeError(f"{kind.__name__} with fields {sorted(stored)}")
        return kind(**{name: readers[name](part) for name, part in stored.items()})

    return read


def _expect(kind: type[Any], value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected, not {value!r}")
    return value
