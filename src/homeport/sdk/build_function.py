"""A Python function that runs while an image is built (semantics 5.8): where it is found again, with what, and when it
counts as changed. Never imported inside containers.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType

from ..errors import InvalidError
from ..manifest.schema import BuildFunction
from . import origin
from .needs import LocalFiles, Resolver

ARGUMENTS_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """`function(*args, **kwargs)`, checked. Two calls are equal when the same image comes of them."""

    function: FunctionType
    arguments: str
    captured: str
    include_source: bool = True

    @classmethod
    def of(
        cls, function: object, args: Sequence[object], kwargs: Mapping[str, object], *, include_source: bool = True
    ) -> Call:  # fmt: skip
        """Raises InvalidError for what can't be called or sent."""
        if not isinstance(function, FunctionType):
            raise InvalidError(f"`run_function` takes a function, not {function!r}.")
        if "<locals>" in function.__qualname__ or function.__name__ == "<lambda>":
            raise InvalidError(f"`run_function` needs a function in global scope; move {function.__qualname__} there.")
        return cls(function, _pickled(args, kwargs), _captured(function), include_source)

    def resolved(self, resolver: Resolver) -> BuildFunction:
        """For the manifest. Raises what the resolver raises; InvalidError for a function that is in no file."""
        found = origin.of(self.function)
        source = resolver.tree({found.root.path: LocalFiles(found.root.local)}) if self.include_source else ""
        return BuildFunction(found.entry, source, self.arguments, self.captured)


def _pickled(args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    if not args and not kwargs:
        return ""
    try:
        data = pickle.dumps((tuple(args), dict(kwargs)), protocol=5)
    except Exception as error:  # whatever an argument's own pickling raises
        raise InvalidError(f"The arguments of `run_function` can't be pickled: {error}.") from None
    if len(data) > ARGUMENTS_BYTES_MAX:
        raise InvalidError(
            f"The arguments of `run_function` are {len(data)} bytes; at most {ARGUMENTS_BYTES_MAX} are allowed."
        )
    return base64.b64encode(data).decode()


def _captured(function: FunctionType) -> str:
    """Its text and the plain globals that it uses, so that a change of either builds the layer again."""
    hasher = hashlib.sha256()
    try:
        hasher.update(inspect.getsource(function).encode())
    except OSError:
        hasher.update(function.__code__.co_code)
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            hasher.update(f"\0{name}={_told(function.__globals__[name])}".encode())
    return hasher.hexdigest()


def _names(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*(_names(each) for each in inner))


def _told(value: object) -> str:
    """Stable from run to run: the text of plain values and of functions, the name of everything else."""
    if isinstance(value, str | int | float | bool | bytes | None):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_told, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_told(k)}: {_told(v)}' for k, v in value.items())}}}"
    if inspect.isfunction(value):
        return f"{value.__qualname__} {value.__code__.co_code.hex()}"
    return str(getattr(value, "__qualname__", type(value).__qualname__))
