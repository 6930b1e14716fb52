"""A Python function that runs while an image is built (semantics 5.8): where it is found again, and with what. Never
imported inside containers.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType

from ..errors import InvalidError
from ..manifest.schema import BuildFunction
from . import captured, origin, source
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
        return cls(function, _pickled(args, kwargs), captured.digest_of(function), include_source)

    def resolved(self, resolver: Resolver) -> BuildFunction:
        """For the manifest. Raises what the resolver raises; InvalidError for a function that is in no file."""
        found = origin.of(self.function)
        local = found.root.local
        tree = resolver.tree({found.root.path: LocalFiles(local, source.LeftOut(local))}) if self.include_source else ""
        return BuildFunction(found.entry, tree, self.arguments, self.captured)


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
