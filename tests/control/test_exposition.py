"""The text that Prometheus reads."""

from __future__ import annotations

import json
import logging

from homeport.control.exposition import Family, Point, by_labels, single, text
from homeport.control.vitals import Timing, Vitals
from homeport.core.events import ContainerMoved, RequestsCut
from homeport.core.model import Container, World
from homeport.core.states import ContainerState
from homeport.daemon.ownlog import JsonLines


def test_families_have_their_help_and_type_and_a_line_for_each_point() -> None:
    said = text(
        [
            by_labels(
                "homeport_requests_total", "counter", "Requests.", {("a", "2xx"): 3, ("a", "5xx"): 1}, ("app", "code")
            ),
            Family("x_seconds", "summary", "How long.", (Point(0.25, suffix="_sum"), Point(2, suffix="_count"))),
            single("homeport_up", "gauge", "Whether.", 1),
            by_labels("homeport_none", "gauge", "Nothing.", {}, ("app",)),
        ]
    )
    assert said.splitlines() == [
        "# HELP homeport_requests_total Requests.",
        "# TYPE homeport_requests_total counter",
        'homeport_requests_total{app="a",code="2xx"} 3',
        'homeport_requests_total{app="a",code="5xx"} 1',
        "# HELP x_seconds How long.",
        "# TYPE x_seconds summary",
        "x_seconds_sum 0.25",
        "x_seconds_count 2",
        "# HELP homeport_up Whether.",
        "# TYPE homeport_up gauge",
        "homeport_up 1",
    ]


def test_values_of_labels_can_hold_anything() -> None:
    said = text([by_labels("m", "gauge", "a\\b\nc", {('say "hi"\\\n',): 1}, ("words",))])
    assert said == '# HELP m a\\\\b\\nc\n# TYPE m gauge\nm{words="say \\"hi\\"\\\\\\n"} 1\n'


def test_the_longest_is_of_the_time_since_it_was_read() -> None:
    timing = Timing()
    for seconds in (0.1, 0.5, 0.2):
        timing.add(seconds)
    assert (timing.count, round(timing.sum_s, 3), timing.take_longest(), timing.take_longest()) == (3, 0.8, 0.5, 0.0)


def test_ends_are_counted_and_logged_with_their_ids() -> None:
    vitals, heard = Vitals(), Heard()
    log = logging.getLogger("homeport.happened")
    log.addHandler(heard)
    log.setLevel(logging.INFO)
    ended = Container("ta-1", "fu-1", 2, ContainerState.ENDED, 0, 0, "10.0.0.2:80", reason="replaced by v3")
    try:
        vitals.watch(World("t"), [ContainerMoved("ap-1", ended, "web", 0), RequestsCut("ap-1", "ta-1", 2)])
    finally:
        log.removeHandler(heard)
    assert (vitals.containers[("ended",)], vitals.requests_cut) == (1, 2)
    line, cut = heard.lines
    assert str(line.pop("time")).endswith("Z")
    assert line == {
        "level": "info",
        "logger": "homeport.happened",
        "message": "container of web v2 is ended: replaced by v3",
        "app_id": "ap-1",
        "container_id": "ta-1",
        "exit_code": 0,
    }
    assert (cut["level"], cut["container_id"], cut["requests_cut"]) == ("warning", "ta-1", 2)


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(JsonLines().format(record)))
