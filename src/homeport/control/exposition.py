"""The text format in which Prometheus reads metrics, version 0.0.4. Pure; knows no metric by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=tuple[str, ...])
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Point:
    value: float
    labels: tuple[tuple[str, str], ...] = ()
    suffix: str = ""  # of its family's name, as `_sum`


@dataclass(frozen=True, slots=True)
class Family:
    """kind: counter, gauge or summary. A counter's name ends with `_total`; units are base units, in the name."""

    name: str
    kind: str
    help: str
    points: tuple[Point, ...]


def single(name: str, kind: str, help_text: str, value: float) -> Family:
    """A family of one point without labels."""
    return Family(name, kind, help_text, (Point(value),))


def by_labels(name: str, kind: str, help_text: str, values: Mapping[Key, float], labels: Iterable[str]) -> Family:
    """One point for each key of `values`, which has as many parts as there are `labels`."""
    names = tuple(labels)
    points = (Point(value, tuple(zip(names, key, strict=True))) for key, value in sorted(values.items()))
    return Family(name, kind, help_text, tuple(points))


def text(families: Iterable[Family]) -> str:
    """All of them, in their order. Families without a point are left out."""
    lines: list[str] = []
    for family in families:
        if family.points:
            lines += [f"# HELP {family.name} {_escaped(family.help)}", f"# TYPE {family.name} {family.kind}"]
            lines += [f"{family.name}{point.suffix}{_labels(point)} {_number(point.value)}" for point in family.points]
    return "\n".join(lines) + "\n"


def _labels(point: Point) -> str:
    said = ",".join(f'{name}="{_escaped(value, quoted=True)}"' for name, value in point.labels)
    return f"{{{said}}}" if said else ""


def _escaped(value: str, quoted: bool = False) -> str:
    value = value.replace("\\", "\\\\").replace("\n", "\\n")
    return value.replace('"', '\\"') if quoted else value


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
