"""Points in time as people type them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from homeport.cli import when
from homeport.errors import UsageError

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "age"),
    [
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("1h30m", timedelta(minutes=90)),
        ("0s", timedelta()),
    ],
)
def test_an_age_counts_back_from_now(typed: str, age: timedelta) -> None:
    assert when.parse("--since", typed, NOW) == NOW - age


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20 10:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 19, 22, tzinfo=UTC)),
    ],
)
def test_an_iso_time_without_an_offset_is_local(typed: str, meant: datetime) -> None:
    parsed = when.parse("--since", typed, NOW, timezone(timedelta(hours=2)))
    assert parsed == meant
    assert parsed.utcoffset() == timedelta()


@pytest.mark.parametrize("typed", ["", "yesterday", "5", "5w", "-5m", "5 m", "m", "999999999d", "2026-13-01", "1h30"])
def test_anything_else_is_a_usage_error_that_names_the_option(typed: str) -> None:
    with pytest.raises(UsageError, match="--until must be an age such as"):
        when.parse("--until", typed, NOW)


def test_a_range_is_at_most_35_days_and_not_empty() -> None:
    when.check_range(None, None, NOW)
    when.check_range(NOW - timedelta(days=35), None, NOW)
    when.check_range(None, NOW, NOW)
    with pytest.raises(UsageError, match="35 days"):
        when.check_range(NOW - timedelta(days=36), None, NOW)
    with pytest.raises(UsageError, match="before"):
        when.check_range(NOW, NOW, NOW)


def test_the_wire_has_utc() -> None:
    assert when.wire(datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-20T08:00:00.000000Z"
