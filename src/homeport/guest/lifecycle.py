"""Which methods of a class run at the start and the end of a container, and in which order. Pure: it looks, it calls none.

Contract with the SDK: a marked function has the attribute `_homeport_lifecycle`, a set of "enter", "enter_snap" and "exit".
"""

from __future__ import annotations

ATTRIBUTE = "_homeport_lifecycle"


def methods(cls: type, mark: str) -> list[str]:
    """Names of the methods that carry `mark`: base classes first, then in order of definition (semantics 2.3.1, 3.5.1).

    An overridden method counts once, where its base defined it, with the marks of the override.
    """
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        for name in vars(base):
            names.setdefault(name)
    return [name for name in names if mark in _marks(cls, name)]


def _marks(cls: type, name: str) -> frozenset[str]:
    for base in cls.__mro__:
        if name in vars(base):
            return getattr(vars(base)[name], ATTRIBUTE, frozenset())
    return frozenset()
