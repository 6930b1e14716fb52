"""docs/semantics.md has every row that code, tests, benchmarks and documents cite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROWS = ROOT / "docs" / "semantics.md"
CITED = re.compile(r"(?:\b[Ss]emantics|\b[Cc]hecks?) (\d+(?:\.\d+)*(?:(?:,| and| to|, and) \d+\.\d+(?:\.\d+)*)*)")
DETAIL = re.compile(r"^\| (\d+\.\d+[\d., ]*) \|", re.MULTILINE)
NUMBER = re.compile(r"\d+(?:\.\d+)*")


def known() -> set[str]:
    """Rows, and the sections they are in."""
    rows = NUMBER.findall(" ".join(re.findall(r"^(?:\| |#+ )(\d+(?:\.\d+)*)", ROWS.read_text(), re.MULTILINE)))
    return {".".join(row.split(".")[:length]) for row in rows for length in range(1, row.count(".") + 2)}


def cited() -> Iterator[tuple[str, str]]:
    """Each row, and where."""
    for path in sorted(path for place in ("src", "tests", "bench", "docs") for path in (ROOT / place).rglob("*")):
        if path.suffix not in {".py", ".md", ".lua"} or path in {ROWS, Path(__file__)}:
            continue
        text = path.read_text()
        lists = CITED.findall(text) + (DETAIL.findall(text) if path.suffix == ".md" else [])
        yield from ((row, str(path.relative_to(ROOT))) for found in lists for row in NUMBER.findall(found))


def test_every_row_that_is_cited_exists() -> None:
    rows, found = known(), list(cited())
    assert len(found) > 200
    assert not [f"{place}: {row}" for row, place in found if row not in rows]


def test_no_row_stands_there_twice() -> None:
    rows = re.findall(r"^\| (\d[\d.]*) \|", ROWS.read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
