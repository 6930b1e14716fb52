"""The benchmarks' own arithmetic: what a figure says, and what is read from wrk. Nothing is measured here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

WRK = """\
Running 2s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
  Latency Distribution
     50%    1.33ms
     75%    1.50ms
     90%    2.00ms
     99%  785.00us
  89096 requests in 2.00s, 12.00MB read
Requests/sec:  44548.00
Transfer/sec:      6.00MB
"""


def bench(name: str) -> ModuleType:
    """One file of bench/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", Path(__file__).parent.parent / "bench" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


report, load = bench("report"), bench("load")


def figure(ours: list[float], theirs: list[float], target: object = None) -> object:
    return report.Figure.of(("start", "ms", "bare process"), ours, theirs, target)


def test_a_figure_is_the_median_of_its_rounds_beside_that_of_the_companion() -> None:
    made = figure([50, 60, 500], [40, 50, 45])
    assert (made.value, made.beside, made.rounds, made.ratio) == (60, 45, 3, 60 / 45)


def test_rounds_that_do_not_stand_beside_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rounds beside 1"):
        figure([1, 2], [1])


@pytest.mark.parametrize(
    ("at_most", "of_ratio", "met"), [(1.3, True, True), (1.1, True, False), (60, False, True), (59, False, False)]
)
def test_a_target_is_of_the_ratio_or_of_the_figure(at_most: float, of_ratio: bool, met: bool) -> None:
    assert figure([60], [50], report.Target(at_most, of_ratio)).met is met


def test_a_companion_that_took_no_time_gives_no_ratio_and_meets_none() -> None:
    made = figure([60], [-1], report.Target(2))
    assert made.ratio is None
    assert made.met is False


def test_the_table_has_one_aligned_row_per_figure_and_the_verdict_names_what_was_missed() -> None:
    figures = [figure([60], [50], report.Target(1.1)), figure([1234], [50])]
    lines = report.table(figures)
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert "1,234 ms" in lines[3]
    assert report.verdict(figures) == "0 of 1 targets met; missed: start"


def test_the_json_has_what_the_table_says() -> None:
    said = report.as_json([figure([60], [50])], {"cores": "2"}, ["quiet"])
    assert said["machine"] == {"cores": "2"}
    assert said["figures"][0]["ratio"] == 1.2


def test_what_wrk_says_becomes_a_value() -> None:
    result = load.parse(WRK, 1.9)
    assert (result.requests, result.per_second, result.p50_us, result.p99_us) == (89096, 44548, 1330, 785)
    assert result.cpu_us == pytest.approx(21.3, abs=0.1)


def test_answers_that_are_errors_are_no_result() -> None:
    with pytest.raises(RuntimeError, match="met errors"):
        load.parse(f"{WRK}  Non-2xx or 3xx responses: 3\n", 1.0)
