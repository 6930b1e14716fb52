"""`Dict`: a map that Apps share (semantics 6.3.1). Owns Python's words for it; keys and values are pickled. Runs in
containers too.

Two keys are the same if they are equal and of one type: 1 and 1.0 are two keys here.
"""

from __future__ import annotations

from .handles import Handle, Manager
from .twins import iterator_twin, twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_NOTHING: Any = object()
ENTRIES_MAX = 10_000


class Dict(Handle):
    """Made by `Dict.from_name("settings", create_if_missing=True)`.

    A value can have 100 MiB when it is pickled (better: less than 5). An entry goes 7 days after its last use.
    """

    _kind, _word = "dicts", "Dict"
    objects: Manager[Dict] = Manager("dicts", lambda name, environment: Dict.from_name(name, environment_name=environment))

    @twin
    def get(self, key: Any, default: Any = None) -> Any:
        """The value of `key`, or `default`. Raises NotFoundError when there is no such Dict, as all of these."""
        found = self._find(key)
        return default if found is _NOTHING else found

    @twin
    def contains(self, key: Any) -> bool:
        return self._find(key, load=False) is not _NOTHING

    @twin
    def len(self) -> int:
        """How many entries; at most 100,000 are counted."""
        from ..client import dicts

        with self._opened() as (calls, dict_id):
            return dicts.length(calls, dict_id)

    @twin
    def put(self, key: Any, value: Any, *, skip_if_exists: bool = False) -> bool:
        """Whether it was written: with `skip_if_exists` a key that is there keeps its value, so that it can be a lock.

        Raises InvalidError for what is too large or can't be pickled.
        """
        return self._put({key: value}, skip_if_exists=skip_if_exists) > 0

    @twin
    def update(self, other: Mapping[Any, Any] | None = None, /, **kwargs: Any) -> None:
        """At most 10,000 entries, all of them or none (unless they have more than 16 MiB together). Raises InvalidError."""
        self._put({**dict(other or {}), **kwargs}, skip_if_exists=False)

    @twin
    def pop(self, key: Any, default: Any = _NOTHING) -> Any:
        """Takes it out: of two who ask at the same time one gets it. Raises KeyError when there is none and no `default`."""
        from ..client import dicts
        from .pickled import dumped_key, loaded

        with self._opened() as (calls, dict_id):
            found = dicts.pop(calls, dict_id, dumped_key(key))
        if found is not None:
            return loaded(found)
        if default is _NOTHING:
            raise KeyError(f"{key} not in dict {self._name or self._id}")
        return default

    @twin
    def clear(self) -> None:
        """Takes out everything."""
        from ..client import dicts

        with self._opened() as (calls, dict_id):
            dicts.clear(calls, dict_id)

    @iterator_twin
    def keys(self) -> Iterator[Any]:
        """In order of their making; what changes meanwhile may be among them or not."""
        from .pickled import loaded

        return (loaded(key) for key, _ in self._entries())

    @iterator_twin
    def values(self) -> Iterator[Any]:
        from .pickled import loaded

        return (loaded(value) for _, value in self._entries())

    @iterator_twin
    def items(self) -> Iterator[tuple[Any, Any]]:
        from .pickled import loaded

        return ((loaded(key), loaded(value)) for key, value in self._entries())

    def __getitem__(self, key: Any) -> Any:
        found = self._find(key)
        if found is _NOTHING:
            raise KeyError(f"{key} not in dict {self._name or self._id}")
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        self._put({key: value}, skip_if_exists=False)

    def __delitem__(self, key: Any) -> None:
        self.pop(key)

    def __contains__(self, key: Any) -> bool:
        return self.contains(key)

    def __iter__(self) -> Iterator[Any]:
        return self.keys()

    def _find(self, key: Any, *, load: bool = True) -> Any:
        from ..client import dicts
        from .pickled import dumped_key, loaded

        with self._opened() as (calls, dict_id):
            found = dicts.get(calls, dict_id, dumped_key(key))
        if found is None:
            return _NOTHING
        return loaded(found) if load else True

    def _put(self, entries: Mapping[Any, Any], *, skip_if_exists: bool) -> int:
        from ..client import dicts
        from ..errors import InvalidError
        from .pickled import dumped, dumped_key

        if len(entries) > ENTRIES_MAX:
            raise InvalidError(f"An update of a Dict can have at most {ENTRIES_MAX} entries, not {len(entries)}.")
        told = [(dumped_key(key), dumped(value)) for key, value in entries.items()]
        with self._opened() as (calls, dict_id):
            return dicts.put(calls, dict_id, told, skip_if_exists=skip_if_exists)

    def _entries(self) -> Iterator[tuple[bytes, bytes]]:
        from ..client import dicts

        with self._opened() as (calls, dict_id):
            yield from dicts.entries(calls, dict_id)
