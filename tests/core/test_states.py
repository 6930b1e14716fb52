"""The tables of legal moves, and what happens on an illegal one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pytest

from homeport.core import ids
from homeport.core.backoff import LIMIT_MS, delay_ms
from homeport.core.states import (
    LEGAL_APP,
    LEGAL_CONTAINER,
    LEGAL_DEPLOYMENT,
    AppState,
    ContainerState,
    DeploymentState,
    IllegalMove,
    document,
    move,
)
from homeport.manifest.names import is_app_id

TABLES: list[Mapping[StrEnum, tuple[StrEnum, ...]]] = [dict(LEGAL_APP), dict(LEGAL_CONTAINER), dict(LEGAL_DEPLOYMENT)]


@pytest.mark.parametrize("table", TABLES)
def test_every_state_is_in_its_table_and_an_end_can_be_reached(table: Mapping[StrEnum, tuple[StrEnum, ...]]) -> None:
    assert set(table) == set(type(next(iter(table))))
    ends = {state for state, targets in table.items() if not targets}
    for state in table:
        seen, todo = {state}, [state]
        while todo:
            new = [target for target in table[todo.pop()] if target not in seen]
            seen.update(new)
            todo += new
        assert seen & ends


def test_an_illegal_move_raises_and_names_both_states() -> None:
    with pytest.raises(IllegalMove, match="ContainerState: ended -> ready"):
        move(ContainerState.ENDED, ContainerState.READY)
    with pytest.raises(IllegalMove):
        move(AppState.STOPPED, AppState.DEPLOYED)
    with pytest.raises(IllegalMove):
        move(DeploymentState.FAILED, DeploymentState.LIVE)


def test_the_diagrams_in_the_docs_are_those_of_the_tables() -> None:
    assert (Path(__file__).parents[2] / "docs" / "states.md").read_text() == document()


def test_ids_have_the_form_of_the_semantics_and_lead_back_to_their_app() -> None:  # 3.7.13
    for number in (1, 61, 62, 10**9):
        app = ids.app_id("Ab3xYz", number)
        assert is_app_id(app)
        container = ids.container_id(app, number)
        assert (container[:3], len(container)) == ("ta-", 25)
        assert ids.app_of(container) == app
        service = ids.service_id(app, number % 1000)
        assert (service[:3], len(service)) == ("fu-", 25)
        assert ids.app_of_service(service) == app
    assert len({ids.service_id(ids.app_id("Ab3xYz", n), 1) for n in range(5000)}) == 5000


def test_the_wait_between_tries_doubles_up_to_a_minute() -> None:
    waits = [delay_ms(failures) for failures in range(12)]
    assert waits[:5] == [0, 0, 1_000, 2_000, 4_000]
    assert max(waits) == LIMIT_MS
    assert waits == sorted(waits)
