"""Values of Secrets in what builds print. Pure: the exact values, and each line of those that have several."""

from __future__ import annotations

from collections.abc import Iterable

HIDDEN = "***"
LENGTH_MIN = 4  # shorter ones would hide half of every text


class Redactor:
    """Longer values first, so that a value which holds another one vanishes whole."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._hidden: list[str] = []
        self.add(values)

    def add(self, values: Iterable[str]) -> None:
        lines = {part.strip("\r") for value in values for part in (value, *value.split("\n"))}
        found = {*self._hidden, *(line for line in lines if len(line) >= LENGTH_MIN)}
        self._hidden = sorted(found, key=lambda value: (-len(value), value))

    def __call__(self, text: str) -> str:
        for value in self._hidden:
            text = text.replace(value, HIDDEN)
        return text
