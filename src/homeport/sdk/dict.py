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
    """A map that Apps share; get one by `Dict.from_name("settings", create_if_missing=True)`.

    A pickled value may have 100 MiB (better: less than 5). An entry expires 7 days after its last use. Every method raises
    NotFoundError when the Dict does not exist.
    """

    _kind, _word = "dicts", "Dict"
    objects: Manager[Dict] = Manager("dicts", lambda name, environment: Dict.from_name(name, environment_name=environment))

    @twin
    def get(self, key: Any, default: Any = None) -> Any:
        """The value of `key`, or `default` if there is none."""
        found = self._find(key)
        return default if found is _NOTHING else found

    @twin
    def contains(self, key: Any) -> bool:
        """Whether there is an entry for `key`."""
        return self._find(key, load=False) is not _NOTHING

    @twin
    def len(self) -> int:
        """The number of entries, counted up to 100,000."""
        from ..client import dicts

        with self._opened() as (calls, dict_id):
            return dicts.length(calls, dict_id)

    @twin
    def put(self, key: Any, value: Any, *, skip_if_exists: bool = False) -> bool:
        """Sets `key` to `value`. Returns whether it was written.

        skip_if_exists: keep the value of a key that exists, and return False: this makes a lock.
        Raises InvalidError for what is too large or can't be pickled.
        """
        return self._put({key: value}, skip_if_exists=skip_if_exists) > 0

    @twin
    def update(self, other: Mapping[Any, Any] | None = None, /, **kwargs: Any) -> None:
        """Sets the entries of `other` and `kwargs`, at most 10,000: all or none, unless they exceed 16 MiB together. Raises
        as `put`.
        """
        self._put({**dict(other or {}), **kwargs}, skip_if_exists=False)

    @twin
    def pop(self, key: Any, default: Any = _NOTHING) -> Any:
        """Removes `key` and returns its value, to one caller only. Raises KeyError if there is none and no `default` is
        given.
        """
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
        """Removes all entries."""
        from ..client import dicts

        with self._opened() as (calls, dict_id):
            dicts.clear(calls, dict_id)

    @iterator_twin
    def keys(self) -> Iterator[Any]:
        """Iterates over the keys in order of insertion; what changes meanwhile may be included or not."""
        from .pickled import loaded

        return (loaded(key) for key, _ in self._entries())

    @iterator_twin
    def values(self) -> Iterator[Any]:
        """Iterates over the values, as `keys`."""
        from .pickled import loaded

        return (loaded(value) for _, value in self._entries())

    @iterator_twin
    def items(self) -> Iterator[tuple[Any, Any]]:
        """Iterates over pairs of key and value, as `keys`."""
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
