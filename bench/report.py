"""What was measured, as values: the table for people, the JSON for machines, and the verdict. Pure; measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal

HEADERS = ("what", "homeport", "beside it", "ratio", "target", "", "rounds")


Of = Literal["ratio", "value", "difference"]


@dataclass(frozen=True, slots=True)
class Target:
    """At most this much, or at least: of the ratio to the companion, of the figure, or of what it is more than that."""

    limit: float
    of: Of = "ratio"
    at_least: bool = False

    def met(self, measured: float) -> bool:
        return measured >= self.limit if self.at_least else measured <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One line. `value` and `beside` are medians over `rounds`, in `unit`; `companion` is what ran beside it, if any."""

    name: str
    unit: str
    value: float
    beside: float
    companion: str
    rounds: int
    target: Target | None = None

    @classmethod
    def of(
        cls, title: tuple[str, str, str], ours: Sequence[float], theirs: Sequence[float], target: Target | None = None
    ) -> Figure:
        """From the single rounds; `title` is (name, unit, companion). Raises ValueError when rounds are missing."""
        if not ours or len(ours) != len(theirs):
            raise ValueError(f"{title[0]}: {len(ours)} rounds beside {len(theirs)}")
        name, unit, companion = title
        return cls(name, unit, median(ours), median(theirs), companion, len(ours), target)

    @classmethod
    def alone(cls, name: str, unit: str, ours: Sequence[float], target: Target | None = None) -> Figure:
        """With nothing beside it."""
        return cls.of((name, unit, ""), ours, [0.0] * len(ours), target)

    @property
    def ratio(self) -> float | None:
        """None where the companion's figure is nothing, or less than that."""
        return self.value / self.beside if self.beside > 0 else None

    @property
    def met(self) -> bool | None:
        """None without a target."""
        if self.target is None:
            return None
        measured = {"ratio": self.ratio, "value": self.value, "difference": self.value - self.beside}[self.target.of]
        return measured is not None and self.target.met(measured)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one benchmark found, and what it could not measure."""

    figures: list[Figure]
    notes: tuple[str, ...] = ()


def table(figures: Sequence[Figure]) -> list[str]:
    """The rows of a Markdown table, aligned so that it can be read in a terminal too."""
    rows = [HEADERS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADERS))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    rule = "| " + " | ".join("-" * max(3, width) for width in widths) + " |"
    return [lines[0], rule, *lines[1:]]


def verdict(figures: Sequence[Figure]) -> str:
    aimed = [figure for figure in figures if figure.met is not None]
    missed = [" beside ".join(filter(None, (figure.name, figure.companion))) for figure in aimed if not figure.met]
    return f"{len(aimed) - len(missed)} of {len(aimed)} targets met" + (f"; missed: {'; '.join(missed)}" if missed else "")


def as_json(figures: Sequence[Figure], machine: dict[str, str], notes: Sequence[str]) -> dict[str, object]:
    return {
        "machine": machine,
        "notes": list(notes),
        "figures": [{**asdict(figure), "ratio": figure.ratio, "met": figure.met} for figure in figures],
    }


def _row(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    sign = {None: "", True: "met", False: "MISSED"}[figure.met]
    beside = f"{_number(figure.beside, figure.unit)} {figure.companion}" if figure.companion else ""
    ours = _number(figure.value, figure.unit)
    return (figure.name, ours, beside, ratio, _aim(figure), sign, str(figure.rounds))


def _aim(figure: Figure) -> str:
    if figure.target is None:
        return ""
    sign = "≥" if figure.target.at_least else "≤"
    if figure.target.of == "ratio":
        return f"{sign} {figure.target.limit:g} x"
    more = "+" if figure.target.of == "difference" else ""
    return f"{sign} {more}{_number(figure.target.limit, figure.unit)}"


def _number(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 or not unit else 1
    return f"{value:,.{digits}f} {unit}".rstrip()
