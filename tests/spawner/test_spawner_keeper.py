"""What a shim makes of a container's end, and of one that does not come, on a clock that is stepped."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from homeport.spawner import keeper, process
from homeport.spawner.containerdir import ContainerDir
from homeport.spawner.keeper import Init, Keeper
from homeport.spawner.logpipe import LogFile

KILLED = 9  # the wait status


class Shim:
    """With a container of nothing; the time is `now_ms`, its processes are `members`, and `told` is what they were sent."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ms = 1_000_000
        self.members = [7]
        self.told: list[int] = []
        self.events = place / "memory.events"
        self.count_ooms(0)
        monkeypatch.setattr(keeper, "monotonic_ms", lambda: self.now_ms)
        monkeypatch.setattr(process, "catches", lambda pid, number: False)
        monkeypatch.setattr(process, "ignores", lambda pid, number: False)
        monkeypatch.setattr(signal, "pidfd_send_signal", lambda fd, number: self.told.append(number))
        monkeypatch.setattr(os, "kill", lambda pid, number: None)
        monkeypatch.setattr(Keeper, "_members", lambda keeper, init: self.members)
        spec = {"memory_limit_mib": 64, "stop_after_ms": 600_000}
        self.keeper = Keeper(ContainerDir(str(place), "it"), spec, [str(place)], LogFile(str(place / "log")))
        self.init = Init(7, -1, lambda: KILLED)

    def count_ooms(self, count: int) -> None:
        self.events.write_text(f"oom_kill {count}\n")

    def goes_on(self, for_ms: int) -> None:
        """Asks again when that is due, as `run` does."""
        for _ in range(for_ms // 100):
            self.now_ms += 100
            self.keeper._tell_init(self.init)


@pytest.fixture
def shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shim:
    return Shim(tmp_path, monkeypatch)


@pytest.mark.parametrize(("later_ms", "oom"), [(5_000, True), (60_000, False)])
def test_one_that_is_out_of_memory_may_take_a_while_to_end_on_a_slow_machine(shim: Shim, later_ms: int, oom: bool) -> None:
    shim.count_ooms(1)
    shim.keeper._note_oom()
    shim.now_ms += later_ms
    assert shim.keeper._end(shim.init) == {"exit_code": None, "signal": 9, "oom": oom}


def test_one_without_a_handler_is_ended_after_a_while(shim: Shim) -> None:
    shim.keeper._stop(shim.init)
    shim.goes_on(1_900)
    assert shim.told == []
    shim.goes_on(200)
    assert set(shim.told) == {signal.SIGKILL}


def test_one_that_has_waited_for_its_children_has_time_for_what_it_does_then(shim: Shim) -> None:
    """As `sh -c 'python3 app.py; tidy-up'`."""
    shim.members = [7, 8]
    shim.keeper._stop(shim.init)
    shim.goes_on(3_000)
    shim.members = [7]
    shim.goes_on(1_800)
    assert shim.told == []
    shim.goes_on(400)
    assert set(shim.told) == {signal.SIGKILL}
