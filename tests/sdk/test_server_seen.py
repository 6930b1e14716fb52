"""`server.logs`: which ranges are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import homeport as modal
from homeport.errors import InvalidError
from homeport.sdk.server_seen import Logs

MOST = timedelta(days=35)


def test_the_longest_range_holds_although_its_beginning_was_computed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Logs, "_entries", lambda _self, _given: iter(()))
    logs, now = modal.Server.from_name("shop", "web").logs, datetime.now(UTC)
    assert logs.fetch(now - MOST) == logs.fetch(now - MOST, now) == []
    for since, until in ((now - MOST - timedelta(minutes=2), None), (now - MOST - timedelta(seconds=1), now), (now, now)):
        with pytest.raises(InvalidError, match="by at most 35 days"):
            logs.fetch(since, until)
