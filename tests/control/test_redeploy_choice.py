"""Which version a rollback or rollover repeats, by the history alone."""

from __future__ import annotations

import pytest

from homeport.control.redeploy import rollback_target, rollover_target
from homeport.errors import InvalidError, NotFoundError
from homeport.store.history import DeploymentRow

LIVE, OLD, FAILED, OVERTAKEN, ROLLING = "live", "old", "failed", "overtaken", "rolling"


def history(*outcomes: str) -> list[DeploymentRow]:
    """Versions from 1, as told; "old" was live once, "overtaken" never was."""
    rows = [_row(version, outcome) for version, outcome in enumerate(outcomes, 1)]
    return list(reversed(rows))


def _row(version: int, outcome: str) -> DeploymentRow:
    kept = {OLD: "superseded", OVERTAKEN: "superseded"}.get(outcome, outcome)
    was_live = outcome in (LIVE, OLD)
    return DeploymentRow(
        *("ap-1", version, version, "ann", "1.0", "", None, f"digest{version}", "standard"),
        outcome=kept, settled_at_ms=None, reason=None, live_at_ms=version if was_live else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("outcomes", "back_to"),
    [
        ((OLD, OLD, LIVE), 2),
        ((OLD, OLD, OLD, LIVE), 3),  # after a rollback of v3 to v2, which is v4 (11.10)
        ((OLD, OLD, LIVE, FAILED), 2),  # one back from what is live, not from the newest
        ((OLD, FAILED, OVERTAKEN, LIVE), 1),
        ((OLD, LIVE, ROLLING), 2),  # what is on its way is taken back
        ((LIVE, FAILED, ROLLING), 1),
    ],
)
def test_one_step_back_is_the_newest_earlier_one_that_was_live(outcomes: tuple[str, ...], back_to: int) -> None:
    assert rollback_target(history(*outcomes), None).version == back_to


@pytest.mark.parametrize("outcomes", [(LIVE,), (FAILED, LIVE), (LIVE, FAILED), (OVERTAKEN, LIVE)])
def test_where_nothing_was_live_before_there_is_no_step_back(outcomes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidError, match=r"^Rollback request exceeds number of App deployments\.$"):
        rollback_target(history(*outcomes), None)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_version_that_is_named_may_be_any(version: int) -> None:
    assert rollback_target(history(OLD, FAILED, LIVE), version).version == version


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_below_one_is_not_valid(version: int) -> None:
    with pytest.raises(InvalidError, match=r"^Invalid rollback version request\.$"):
        rollback_target(history(OLD, LIVE), version)


def test_a_version_that_there_never_was_is_not_found() -> None:
    with pytest.raises(NotFoundError, match=r"^Rollback version not found in App history\.$"):
        rollback_target(history(OLD, LIVE), 99)


@pytest.mark.parametrize(("outcomes", "of"), [((OLD, LIVE), 2), ((LIVE, FAILED), 1), ((LIVE, ROLLING), 2)])
def test_a_rollover_is_of_the_version_that_is_there_or_on_its_way(outcomes: tuple[str, ...], of: int) -> None:
    assert rollover_target(history(*outcomes)).version == of


def test_without_a_live_version_there_is_nothing_to_roll_over() -> None:
    with pytest.raises(InvalidError):
        rollover_target(history(FAILED))
