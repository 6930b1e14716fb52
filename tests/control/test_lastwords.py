"""What the platform adds to the log of a container: why it failed, and how many requests its end cut."""

from __future__ import annotations

from pathlib import Path

from homeport.control.lastwords import LastWords
from homeport.control.prepare import log_path
from homeport.core import ids
from homeport.core.events import ContainerMoved, Event, RequestsCut
from homeport.core.model import Container, World
from homeport.core.states import ContainerState
from homeport.engine.logs import read_tail

APP = ids.app_id("testng", 1)
ONE = ids.container_id(APP, 1)
REASON = "did not become ready within its startup_timeout of 5 s"


class Fixed:
    def now_ms(self) -> int:
        return 5_000


def logged(directory: Path, *events: Event) -> list[tuple[str, str]]:
    LastWords(directory, Fixed()).watch(World("testng"), events)
    lines = read_tail({ONE: str(log_path(directory, APP, ONE))}, 10)
    return [(line.source, line.text) for line in lines]


def moved(state: ContainerState, *, failed: bool) -> ContainerMoved:
    return ContainerMoved(APP, Container(ONE, "fu-1", 1, state, 0, 0, reason=REASON, failed=failed), "web")


def test_a_failed_container_has_its_reason_in_its_log_also_if_it_never_wrote_anything(tmp_path: Path) -> None:
    assert logged(tmp_path, moved(ContainerState.ENDED, failed=True)) == [("system", f"the container {REASON}")]


def test_one_that_only_ended_or_has_not_ended_yet_has_nothing_added(tmp_path: Path) -> None:
    assert logged(tmp_path, moved(ContainerState.ENDED, failed=False), moved(ContainerState.STOPPING, failed=True)) == []


def test_requests_that_were_cut_are_said_behind_what_the_container_wrote(tmp_path: Path) -> None:
    path = log_path(tmp_path, APP, ONE)
    path.parent.mkdir(parents=True)
    path.write_text("4000 o bye\n")
    said = "2 requests were cut: not over when the container ended"
    assert logged(tmp_path, RequestsCut(APP, ONE, 2)) == [("stdout", "bye"), ("system", said)]
    assert logged(tmp_path, RequestsCut(APP, ONE, 1))[-1] == ("system", said.replace("2 requests were", "1 request was"))


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    LastWords(tmp_path, Fixed()).watch(World("testng"), [RequestsCut(APP, ONE, 1)])
