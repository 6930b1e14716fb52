"""`@enter()` and `@exit()`: which methods of a class run when its container starts and ends.

They only mark functions, with the attribute `_homeport_lifecycle`: a frozenset of "enter", "enter_snap" and "exit",
which the guest reads. Runs in containers too: standard library only, and as good as nothing of it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

ATTRIBUTE = "_homeport_lifecycle"
_FUNCTION: type = type(lambda: None)  # `types.FunctionType`, without importing `types`


def enter(misused: object = None, /, *, snap: bool = False) -> Callable[[F], F]:
    """Marks a method that runs when a container starts, in order of definition, before it takes requests.

    snap: run it before the memory snapshot is taken; needs `enable_memory_snapshot=True` on the Server.
    Raises InvalidError when it is used without its parentheses, or on something that is not a method.
    """
    return _marker("enter", "enter_snap" if snap else "enter", misused)


def exit(misused: object = None, /) -> Callable[[F], F]:  # noqa: A001 - the public API's name for it
    """Marks a method that runs when a container ends: after SIGTERM, with 30 s before SIGKILL (semantics 2.3.5).

    Raises InvalidError as `enter` does.
    """
    return _marker("exit", "exit", misused)


def marks(value: object) -> frozenset[str]:
    """What `value` was marked with; empty for anything that was not."""
    found = getattr(value, ATTRIBUTE, None)
    return found if isinstance(found, frozenset) else frozenset()


def _marker(name: str, mark: str, misused: object) -> Callable[[F], F]:
    if misused is not None:
        raise _invalid(f"Write `@{name}()` with its parentheses.")

    def decorate(function: F) -> F:
        if not isinstance(function, _FUNCTION):
            raise _invalid(f"`@{name}()` must be on a method (def or async def), not on {function!r}.")
        function.__dict__[ATTRIBUTE] = marks(function) | {mark}
        return function

    return decorate


def _invalid(message: str) -> Exception:
    from ..errors import InvalidError

    return InvalidError(message)
