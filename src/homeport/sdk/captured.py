"""When a build function counts as changed (semantics 5.8): a digest of its text and of what it uses.

Functions of the same file or package are told by their text and what they use in turn, plain data by its content, everything
else by its name: what other packages do is for the layers before.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import inspect
from collections.abc import Iterable
from types import CodeType, FunctionType, ModuleType

# of the standard library: classes of plain values that show all of themselves
_SHOWN_MODULES = frozenset(("datetime", "decimal", "fractions", "ipaddress", "pathlib", "re", "uuid", "zoneinfo"))
_SHOWN = (str, int, float, complex, bool, bytes, bytearray, range, slice, type(None), type(...))


def digest_of(function: FunctionType) -> str:
    """The same on every machine and in every process."""
    return hashlib.sha256(_Telling(function).of_function(function).encode(errors="surrogatepass")).hexdigest()


class _Telling:
    def __init__(self, function: FunctionType) -> None:
        self._home = _home(function)
        self._functions: set[FunctionType] = set()  # told already
        self._within: list[int] = []  # what is being told: such things can contain themselves

    def of_function(self, function: FunctionType) -> str:
        if function in self._functions or _home(function) != self._home:
            return function.__qualname__
        self._functions.add(function)
        wrapped = inspect.unwrap(function)
        plain = wrapped if isinstance(wrapped, FunctionType) else function
        used = sorted(_names(plain.__code__) & plain.__globals__.keys())
        return "\0".join([_text(plain), *(f"{each}={self.of(plain.__globals__[each])}" for each in used)])

    def of(self, value: object) -> str:
        if id(value) in self._within:
            return "..."
        self._within.append(id(value))
        try:
            return self._of(value)
        finally:
            self._within.pop()

    def _of(self, value: object) -> str:
        kind = type(value).__qualname__
        if isinstance(value, enum.Enum):
            return f"{kind}.{value.name}={self.of(value.value)}"
        if isinstance(value, _SHOWN) or type(value).__module__.partition(".")[0] in _SHOWN_MODULES:
            return repr(value)
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(self.of, value))}]"
        if isinstance(value, set | frozenset):
            return f"{{{', '.join(sorted(map(self.of, value)))}}}"
        if isinstance(value, dict):
            return self._of_pairs("", value.items())
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._of_pairs(kind, ((each.name, getattr(value, each.name, None)) for each in dataclasses.fields(value)))
        if isinstance(value, FunctionType):
            return self.of_function(value)
        return value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__qualname__", kind))

    def _of_pairs(self, kind: str, pairs: Iterable[tuple[object, object]]) -> str:
        return f"{kind}{{{', '.join(f'{self.of(key)}: {self.of(value)}' for key, value in pairs)}}}"


def _home(function: FunctionType) -> str:
    return function.__module__.partition(".")[0]


def _text(function: FunctionType) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # typed in, or around something that is no function
        return function.__code__.co_code.hex()


def _names(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*(_names(each) for each in inner))
