"""Decorators that only leave a mark: those of Functions, which a Server refuses, and `sessioned`.

A file using them can be loaded, and is told in words what a Server can't do
(semantics 2.1.22 to 2.1.24). Runs in containers too: imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

ATTRIBUTE = "_homeport_marker"
SESSIONED = "_homeport_sessioned"


class Parameter:
    """A field made by `parameter()`."""

    def __init__(self, default: object, init: bool) -> None:
        self.default = default
        self.init = init


def parameter(*, default: object = None, init: bool = True) -> Any:
    """A field of a parametrised class. default: its value if none is given. init: whether the constructor takes it."""
    return Parameter(default, init)


def method(**_settings: object) -> Callable[[F], F]:
    """A method that can be called remotely."""
    return _marker("method")


def batched(*, max_batch_size: int, wait_ms: int) -> Callable[[F], F]:
    """A method whose calls are gathered into batches of at most `max_batch_size`, waiting at most `wait_ms` milliseconds."""
    return _marker("batched")


def concurrent(*, max_inputs: int, target_inputs: int | None = None) -> Callable[[F], F]:
    """A class or function whose containers take `max_inputs` inputs at a time; scaling aims at `target_inputs`."""
    return _marker("concurrent")


def clustered(size: int, rdma: bool = False) -> Callable[[F], F]:
    """A class or function whose containers come in groups of `size` that know each other. rdma: with RDMA between them."""
    return _marker("clustered")


def fastapi_endpoint(**_settings: object) -> Callable[[F], F]:
    """A function behind an URL."""
    return _marker("fastapi_endpoint")


def asgi_app(**_settings: object) -> Callable[[F], F]:
    """A function that returns an ASGI app."""
    return _marker("asgi_app")


def wsgi_app(**_settings: object) -> Callable[[F], F]:
    """A function that returns a WSGI app."""
    return _marker("wsgi_app")


def web_server(port: int, **_settings: object) -> Callable[[F], F]:
    """A function that starts a process listening on `port`."""
    return _marker("web_server")


def sessioned(misused: object = None, /) -> Callable[[type], type]:
    """Class decorator beneath `@app.server()`: requests belong to sessions, each of which stays in one container (2.5).

    Raises InvalidError when it is used without its parentheses, or on something that is not a class.
    """
    if misused is not None:
        raise _misused("Write `@sessioned()` with its parentheses.")

    def decorate(user_cls: type) -> type:
        if not isinstance(user_cls, type):
            raise _misused("`@sessioned()` must be on a class, beneath `@app.server()`.")
        setattr(user_cls, SESSIONED, True)
        return user_cls

    return decorate


def is_sessioned(user_cls: type) -> bool:
    return vars(user_cls).get(SESSIONED) is True


def mark(value: object) -> str:
    """The name of the decorator that marked `value`, or nothing."""
    if isinstance(value, Parameter):
        return "parameter"
    found = getattr(value, "__dict__", {}).get(ATTRIBUTE, "")
    return found if isinstance(found, str) else ""


def _marker(name: str) -> Callable[[F], F]:
    def decorate(marked: F) -> F:
        if getattr(marked, "_user_cls", None) is not None:
            from .class_checks import refused

            raise refused(name, str(getattr(marked, "_name", "")))
        setattr(marked, ATTRIBUTE, name)
        return marked

    return decorate


def _misused(message: str) -> Exception:
    from ..errors import InvalidError

    return InvalidError(message)
