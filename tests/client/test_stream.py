"""Server-sent events, however the bytes arrive."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.client.stream import Event, Parser, events
from homeport.errors import ConnectionError, ImageBuildError, NotFoundError  # noqa: A004 - the public API's name for it

values = st.dictionaries(st.text(max_size=5), st.text(max_size=10) | st.integers(), max_size=3)
names = st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda name: name != "error")
ends = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def chunked_streams(draw: st.DrawFn) -> tuple[list[Event], list[bytes]]:
    wanted = draw(st.lists(st.builds(Event, names, values), max_size=5))
    end = draw(ends)
    text = draw(st.sampled_from(["", "\ufeff"]))
    for event in wanted:
        text += draw(st.sampled_from(["", f":{end}", f": hello{end}{end}"]))
        text += f"event: {event.name}{end}data: {json.dumps(event.data, ensure_ascii=draw(st.booleans()))}{end}{end}"
    raw = (text + draw(st.sampled_from(["", f":{end}"]))).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    return wanted, [raw[a:b] for a, b in pairwise([0, *cuts, len(raw)])]


@given(chunked_streams())
def test_the_events_do_not_depend_on_how_the_bytes_are_cut(stream: tuple[list[Event], list[bytes]]) -> None:
    wanted, chunks = stream
    parser = Parser()
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    found += parser.feed(b"\n")  # a last CR waits to see whether an LF follows
    assert [Event(name, json.loads(data)) for name, data in found] == wanted


def test_several_data_lines_are_one_text_and_one_blank_after_the_colon_is_dropped() -> None:
    assert Parser().feed(b"event:x\ndata:  a\ndata:b\nid: 3\nretry: 4\n\n") == [("x", " a\nb")]


def test_an_event_without_a_name_is_a_message_and_one_without_data_is_none() -> None:
    assert Parser().feed(b"data: 1\n\nevent: x\n\n") == [("message", "1")]


def last(event: Event) -> bool:
    return event.name == "end"


def test_a_stream_ends_with_its_last_event_and_what_follows_is_not_read() -> None:
    def chunks() -> object:
        yield b'event: log\ndata: {"text": "a"}\n\nevent: end\ndata: {}\n\nevent: log\ndata: {}\n\n'
        raise AssertionError("read on")

    assert [event.name for event in events(chunks(), last)] == ["log", "end"]  # type: ignore[arg-type]


def test_a_stream_that_is_cut_says_so() -> None:
    told = events([b"event: log\ndata: {}\n\nevent: e"], last)
    assert next(told).name == "log"
    with pytest.raises(ConnectionError, match="cut before its end"):
        next(told)


def test_an_error_in_the_stream_is_raised_as_the_error_that_it_is() -> None:
    with pytest.raises(NotFoundError, match="No App with name 'x'"):
        list(events([b'event: error\ndata: {"code": "not_found", "message": "No App with name \'x\'"}\n\n'], last))


def test_a_failed_build_in_the_stream_keeps_its_lines_and_the_id_of_its_log() -> None:
    with pytest.raises(ImageBuildError) as failed:
        list(events([b'event: error\ndata: {"code": "image_build", "message": "a\\n  b", "image_id": "im-1"}\n\n'], last))
    assert (failed.value.message, failed.value.image_id) == ("a\n  b", "im-1")


@pytest.mark.parametrize("data", [b"<html>", b"[1]", b"null"])
def test_an_event_that_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(ConnectionError, match="not a JSON object"):
        list(events([b"data: " + data + b"\n\n"], last))


def test_an_endless_line_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(ConnectionError, match="too long"):
        list(events((b"x" * 1024 * 1024 for _ in range(100)), last))
