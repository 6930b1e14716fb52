"""Hypothesis strategies for the core's dataclasses, built from their own type hints."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

TEXT = st.text(max_size=8)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of `kind`, as far as its type hints say."""
    if get_origin(kind) is tuple:
        return st.lists(values_of(get_args(kind)[0]), max_size=2).map(tuple)
    if get_origin(kind) in (Union, UnionType):
        return st.one_of(*(st.none() if arg is NoneType else values_of(arg) for arg in get_args(kind)))
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in fields(kind)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    return {int: st.integers(-(2**53), 2**53), str: TEXT, bool: st.booleans()}[kind]
