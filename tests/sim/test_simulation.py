"""Thousands of small worlds, and the proof that they would notice: bugs put into the core on purpose are caught."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from homeport.sim.run import Report, simulate

from .mutants import MUTANTS, Mutant

SEEDS = int(os.environ.get("HOMEPORT_SIM_SEEDS", "2000"))
SEEDS_FOR_A_MUTANT = 100


def test_all_laws_hold_in_thousands_of_worlds() -> None:
    reports = _run(list(range(SEEDS)))
    assert len(reports) == SEEDS
    assert sum(report.plane_deaths for report in reports) > SEEDS // 2
    assert sum(report.deployments for report in reports) > 10 * SEEDS
    assert sum(report.requests_answered for report in reports) > 50 * SEEDS


def test_a_world_is_the_same_each_time() -> None:
    for seed in (3, 11, 25):
        assert simulate(seed) == simulate(seed)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.story)
def test_a_bug_in_the_core_is_caught(mutant: Mutant) -> None:
    with mutant.applied():
        for seed in range(SEEDS_FOR_A_MUTANT):
            try:
                simulate(seed)
            except mutant.crash:  # any other one is no proof: a mutant that a change made crash would be green for ever
                return
    pytest.fail(f"{SEEDS_FOR_A_MUTANT} worlds did not notice that {mutant.story}")


def _run(seeds: list[int]) -> list[Report]:
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(simulate, seeds, chunksize=25))
