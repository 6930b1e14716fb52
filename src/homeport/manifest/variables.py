"""What the keys and values of a Secret may be (semantics 6.1.4). Pure text; sentences name keys and never tell values."""

from __future__ import annotations

import re
from collections.abc import Mapping

KEY_MAX = 16_384
VALUE_MAX = 32_768
KEYS_MAX = 1_000
VARIABLE_BYTES_MAX = 128 * 1024 - 1  # what Linux hands to a program as one variable, `KEY=value` and its end
SECRET_BYTES_MAX = 1024 * 1024

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SHOWN = 40


def secret_problem(values: Mapping[str, str]) -> str | None:
    """One sentence on the first thing that is wrong, or None."""
    if len(values) > KEYS_MAX:
        return f"A Secret can have at most {KEYS_MAX} keys, not {len(values)}; make two of it."
    for key, value in values.items():
        problem = key_problem(key) or _value_problem(key, value)
        if problem:
            return problem
    if sum(len(key) + _bytes(value) for key, value in values.items()) > SECRET_BYTES_MAX:
        return "The Secret is too large: all its values together can have at most 1 MiB; make two of it."
    return None


def key_problem(key: str) -> str | None:
    if len(key) > KEY_MAX:
        return f"The Secret's key {key[:_SHOWN]!r}… is too long: at most {KEY_MAX} characters, not {len(key)}."
    if not _KEY.fullmatch(key):
        return f"{key[:_SHOWN]!r} can't be a key of a Secret: use letters, digits and underscores, and no digit first."
    return None


def _value_problem(key: str, value: str) -> str | None:
    shown = key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…"
    if len(value) > VALUE_MAX:
        return f"The value of {shown} is too long: at most {VALUE_MAX} characters, not {len(value)}."
    if "\0" in value:
        return f"The value of {shown} holds a null character, which no environment variable can."
    if any(0xD800 <= ord(character) < 0xE000 for character in value):  # also bytes that were read as text and are none
        return f"The value of {shown} is not UTF-8 text; bytes can be written as base64."
    if len(key) + 1 + _bytes(value) > VARIABLE_BYTES_MAX:
        return f"{shown} and its value are too long together: an environment variable has at most 128 KiB."
    return None


def _bytes(text: str) -> int:
    return len(text.encode())
