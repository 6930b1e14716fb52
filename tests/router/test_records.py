"""The two log rings: cutting the stream, reading a record, counting demand."""

from __future__ import annotations

import asyncio

import pytest

from homeport.router.events import Demand, EmptyPool, Frames
from homeport.router.records import RequestRecord, parse

ROUTE = "be0000|main|0|0|0|0|ap-1|fu-1|1"
FIELDS = [
    "1795259039.422",
    ROUTE,
    "ta-1",
    "200",
    "0",
    "1",
    "2",
    "3",
    "6",
    "114",
    "255",
    "--",
    "tk-1",
    "HTTP/1.1",
    "GET",
]


def line(*changes: tuple[int, str], path: str = "/") -> bytes:
    fields = [*FIELDS, "a.localhost", path, "127.0.0.1", "0"]
    for index, text in changes:
        fields[index] = text
    return ("\t".join(fields) + "\n").encode()


def test_a_record_is_read_with_its_route() -> None:
    found = parse(line())
    assert found is not None
    assert (found.at_ms, found.status, found.total_ms, found.bytes_up, found.bytes_down) == (1795259039422, 200, 6, 114, 255)
    assert (found.app_id, found.service_id, found.environment, found.container_id) == ("ap-1", "fu-1", "main", "ta-1")
    assert (found.why, found.token_id, found.client) == ("", "tk-1", "127.0.0.1")


def test_an_unknown_host_has_no_route_and_no_container() -> None:
    found = parse(line((1, "-"), (2, "<NOSRV>"), (3, "404"), (11, "LR")))
    assert found is not None
    assert (found.app_id, found.container_id, found.why) == ("", "", "nohost")


SESSIONED = ROUTE.replace("|0|0|0|0|", "|3|0|0|0|")


@pytest.mark.parametrize(
    ("status", "termination", "route", "path", "why"),
    [
        ("404", "LR", "-", "/", "nohost"),
        ("404", "LR", ROUTE, "/", "stopped"),
        ("401", "LR", ROUTE, "/", "auth"),
        ("401", "LR", SESSIONED, "/", "session"),
        ("401", "LR", SESSIONED, "/_modal/sessions/start", "auth"),
        ("403", "LR", ROUTE, "/", "env"),
        ("503", "LR", ROUTE, "/", "empty"),
        ("429", "LR", ROUTE, "/", "full"),
        ("307", "LR", SESSIONED, "/", ""),
        ("400", "PR", ROUTE, "/", ""),
        ("503", "SC", ROUTE, "/", ""),
        ("404", "--", ROUTE, "/", ""),
    ],
)
def test_what_our_rules_refused_is_told_apart_from_what_a_container_answered(
    status: str, termination: str, route: str, path: str, why: str
) -> None:
    found = parse(line((1, route), (3, status), (11, termination), path=path))
    assert found is not None
    assert found.why == why


def test_a_session_that_began_is_no_request_of_the_server() -> None:
    found = parse(line((1, SESSIONED), (2, "controlplane")))
    assert found is not None
    assert (found.why, found.container_id) == ("lobby", "")


@pytest.mark.parametrize(("idle", "later_ms"), [("0", 0), ("1500", 1500), ("-1", 0)])
def test_a_request_on_a_kept_connection_begins_when_its_first_byte_came(idle: str, later_ms: int) -> None:
    found = parse(line((18, idle)))
    assert found is not None
    assert found.at_ms == 1795259039422 + later_ms


def test_escaped_paths_are_read_as_the_client_sent_them() -> None:
    found = parse(line(path="/a#22b#23c%20%d"))
    assert found is not None
    assert found.path == '/a"b#c%20%d'


def test_a_host_that_is_unknown_is_read_as_the_client_sent_it() -> None:
    found = parse(line((15, 'x\\"y\\tz')))
    assert found is not None
    assert found.host == 'x"y\tz'


def test_a_request_that_could_not_be_read_has_no_path_and_no_method() -> None:
    found = parse(line((3, "400"), (14, "<BADREQ>"), path="<BADREQ>"))
    assert found is not None
    assert (found.status, found.method, found.path) == (400, "", "")


@pytest.mark.parametrize("text", [b"Server be0000/ta-1 is DOWN\n", b"\t" * 18, line((3, "x")), line((15, "\\q"))])
def test_a_line_that_is_no_record_is_none(text: bytes) -> None:
    assert parse(text) is None


def test_frames_are_cut_wherever_the_stream_was_split() -> None:
    stream = b"".join(b"%d %s" % (len(text), text) for text in (b"one", b"", b"three words here"))
    for at in range(len(stream)):
        frames = Frames()
        frames.feed(stream[:at])
        found = frames.take(10)
        frames.feed(stream[at:])
        assert found + frames.take(10) == [b"one", b"", b"three words here"]


def test_frames_come_in_bounded_batches() -> None:
    frames = Frames()
    frames.feed(b"1 a1 b1 c")
    assert (frames.take(2), frames.take(2), len(frames)) == ([b"a", b"b"], [b"c"], 0)


@pytest.mark.parametrize("stream", [b"GET / HTTP/1.1\r\n\r\n", b"99999999 x", b"-4 abc", b"999999 x"])
def test_a_stream_that_is_not_octet_counted_is_refused(stream: bytes) -> None:
    frames = Frames()
    frames.feed(stream)
    with pytest.raises(ValueError):
        frames.take(10)


def test_demand_is_told_at_once_then_counted_and_old_records_are_no_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.router.events.DEMAND_PAUSE_S", 0)

    async def scenario() -> list[EmptyPool]:
        told: list[EmptyPool] = []
        demand = Demand(told.append, lambda: 1795259039422 + 1000)
        refused = ((3, "503"), (11, "LR"))
        fresh, old = _record(*refused), _record(*refused, (0, "1795258000.000"))
        other = _record((3, "401"), (11, "LR"))
        demand.add([fresh, old, other])
        assert [event.requests for event in told] == [1]
        demand.add([fresh, fresh, fresh])
        for _ in range(10):
            await asyncio.sleep(0)
        return told

    told = asyncio.run(scenario())
    assert [(event.service_id, event.requests) for event in told] == [("fu-1", 1), ("fu-1", 3)]


def _record(*changes: tuple[int, str]) -> RequestRecord:
    found = parse(line(*changes))
    assert found is not None
    return found
