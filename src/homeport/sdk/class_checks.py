"""Whether a class can be a Server (semantics 2.1.21 to 2.1.26). Looks at the class, never runs it; not for containers."""

from __future__ import annotations

import inspect

from ..errors import InvalidError
from . import lifecycle, markers
from .options import ServerOptions


def check(user_cls: type, options: ServerOptions) -> None:
    """Raises InvalidError for the first thing about `user_cls` that a Server can't have."""
    members = _members(user_cls)
    mark = markers.mark(user_cls)
    if mark:
        raise refused(mark, user_cls.__name__)
    for name, member in members.items():
        mark = markers.mark(member)
        if mark:
            raise refused(mark, f"{user_cls.__name__}.{name}")
    if "__init__" in members:
        raise InvalidError(
            f"Server class {user_cls.__name__} cannot have a custom `__init__`; put that into an @modal.enter() method."
        )
    _check_hooks(user_cls, members, options)
    if "<locals>" in user_cls.__qualname__ and not options.spec.serialized:  # which the platform refuses in its own words
        raise InvalidError(
            f"Server class {user_cls.__name__} is defined inside a function; move it to the top level of its file."
        )


def refused(mark: str, where: str) -> InvalidError:
    """The error for what carries a decorator that belongs to Functions."""
    if mark == "concurrent":
        return InvalidError(
            f"Server class {where} cannot be decorated with @modal.concurrent(). "
            "Please use `target_concurrency` param instead."
        )
    if mark == "clustered":
        return InvalidError(
            f"Server class {where} cannot be decorated with @modal.clustered(): clusters are not available in this "
            "version of homeport, and each container takes requests by itself. Remove it."
        )
    if mark == "parameter":
        return InvalidError(
            f"Server class cannot have parameters: {where} is a modal.parameter(). Use an environment variable."
        )
    return InvalidError(
        f"Server class cannot have @modal.{mark}() (on {where}): requests are handled by the process that listens on "
        "the port, not by a method. Remove it."
    )


def _check_hooks(user_cls: type, members: dict[str, object], options: ServerOptions) -> None:
    hooks = {name: lifecycle.marks(member) for name, member in members.items() if lifecycle.marks(member)}
    if not any(marks & {"enter", "enter_snap"} for marks in hooks.values()):
        raise InvalidError("Server class must have an @modal.enter() to setup the server.")
    for name, marks in hooks.items():
        if "enter_snap" in marks and not options.spec.enable_memory_snapshot:
            raise InvalidError(
                f"{user_cls.__name__}.{name} uses @modal.enter(snap=True), which needs `enable_memory_snapshot=True` "
                "in @app.server()."
            )
        needed = _needed_arguments(members[name])
        if needed != 1:
            raise InvalidError(
                f"{user_cls.__name__}.{name} must take `self` and nothing else: it is called without arguments."
            )


def _members(user_cls: type) -> dict[str, object]:
    """Everything the class has, by name, with the definition that counts; what every object has is left out."""
    found: dict[str, object] = {}
    for base in user_cls.__mro__:
        if base is not object:
            for name, member in vars(base).items():
                found.setdefault(name, member)
    return found


def _needed_arguments(function: object) -> int:
    assert callable(function)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    taken = inspect.signature(function).parameters.values()
    needed = [p for p in taken if p.kind in kinds and p.default is inspect.Parameter.empty]
    variable = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in taken)
    return 1 if variable and not needed else len(needed)
