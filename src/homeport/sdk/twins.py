"""Both forms of one method that does I/O: `app.deploy()` blocks, `await app.deploy.aio()` does not.

The blocking form is the only implementation, and plain synchronous code: it can be called where an event loop runs (in a
notebook) without a deadlock. The other runs it in a thread; cancelling it stops waiting, not the work.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Concatenate, Generic, ParamSpec, TypeVar
else:
    # `typing` takes longer to import than all of the SDK, and containers would pay for it at every cold start.
    class Generic:
        def __class_getitem__(cls, _parameters):
            return cls

    def TypeVar(name):
        return name

    ParamSpec = TypeVar

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


class twin(Generic[S, P, R]):
    """Decorator for methods; gives them `.aio`."""

    def __init__(self, function: Callable[Concatenate[S, P], R]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, owner: S, owner_type: type | None = None) -> Twin[S, P, R]:
        return Twin(self._function, owner)


class class_twin(Generic[S, P, R]):
    """The same for class methods."""

    def __init__(self, function: Callable[Concatenate[type[S], P], R]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, owner: S | None, owner_type: type[S]) -> Twin[type[S], P, R]:
        return Twin(self._function, owner_type)


class Twin(Generic[S, P, R]):
    """A bound method in both forms."""

    def __init__(self, function: Callable[Concatenate[S, P], R], owner: S) -> None:
        self._function = function
        self._owner = owner
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(self._owner, *args, **kwargs)

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same without blocking the event loop."""
        import asyncio

        return await asyncio.to_thread(self._function, self._owner, *args, **kwargs)


class iterator_twin(Generic[S, P, R]):
    """For methods that return an iterator: `for x in v.iterdir()`, `async for x in v.iterdir.aio()`."""

    def __init__(self, function: Callable[Concatenate[S, P], Iterator[R]]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, owner: S, owner_type: type | None = None) -> IteratorTwin[S, P, R]:
        return IteratorTwin(self._function, owner)


class IteratorTwin(Generic[S, P, R]):
    """A bound method in both forms."""

    def __init__(self, function: Callable[Concatenate[S, P], Iterator[R]], owner: S) -> None:
        self._function = function
        self._owner = owner
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return self._function(self._owner, *args, **kwargs)

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        """The same without blocking the event loop."""
        import asyncio

        end = object()
        pieces = self._function(self._owner, *args, **kwargs)
        while (piece := await asyncio.to_thread(next, pieces, end)) is not end:
            yield piece  # type: ignore[misc]  # what is not `end` is a piece
