"""Logs: the options, what is asked for, and following over cuts without waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from homeport.cli import logs
from homeport.client.stream import Event
from homeport.errors import AuthError
from homeport.errors import ConnectionError as NotConnectedError

from .conftest import FakePlatform, Queue, Result

Cli = Callable[..., Result]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def an_entry(second: int, text: str, source: str = "stdout") -> dict[str, Any]:
    return {"timestamp": f"2026-11-21T10:00:{second:02}Z", "source": source, "container_id": "ta-1", "text": text}


def test_the_last_100_entries_are_shown(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/apps/hello/logs"] = [
        ("log", an_entry(1, "one")),
        ("log", an_entry(2, "[b]two", "stderr")),
        ("end", {}),
    ]
    result = cli("app", "logs", "hello")
    assert (result.code, result.out) == (0, "one\n[b]two\n")
    assert platform.asked[0].query == {"environment": "main", "tail": "100"}


def test_prefixes_and_filters(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/apps/hello/logs"] = [("log", an_entry(1, "one")), ("end", {})]
    argv = ["--timestamps", "--show-container-id", "-s", "stderr", "--search", "a b", "--container", "ta-1", "-n", "5"]
    assert cli("app", "logs", "hello", *argv).out == "2026-11-21 10:00:01+00:00 ta-1 one\n"
    filters = {"source": "stderr", "search": "a b", "container": "ta-1", "tail": "5"}
    assert platform.asked[0].query == {"environment": "main", **filters}


def test_one_server_of_the_app_by_its_id_and_the_ids_beside_what_they_wrote(cli: Cli, platform: FakePlatform) -> None:
    entry = {**an_entry(1, "one"), "function_id": "fu-1"}
    platform.answers["GET /v1/apps/hello/logs"] = [("log", entry), ("end", {})]
    argv = ["--function", "fu-1", "--show-function-id", "--show-container-id"]
    assert cli("app", "logs", "hello", *argv).out == "fu-1 ta-1 one\n"
    assert platform.asked[0].query == {"environment": "main", "function": "fu-1", "tail": "100"}


def test_logs_as_json_are_one_entry_a_line(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/apps/hello/logs"] = [("log", an_entry(1, "é")), ("end", {})]
    result = cli("app", "logs", "hello", "--json")
    assert result.json == an_entry(1, "é")
    assert result.out.count("\n") == 1


def test_container_logs_with_all_have_no_tail(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/containers/ta-1/logs"] = [("log", an_entry(1, "one")), ("end", {})]
    assert cli("container", "logs", "ta-1", "--all").out == "one\n"
    assert cli("container", "logs", "ta-1", "--since", "2026-11-21T10:00:00Z", "--until", "2026-11-21T11:00Z").code == 0
    since = {"since": "2026-11-21T10:00:00.000000Z", "until": "2026-11-21T11:00:00.000000Z"}
    assert [request.query for request in platform.asked] == [{}, since]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-f", "--since", "1h"], "--follow can't be used with"),
        (["-f", "-n", "5"], "--follow can't be used with"),
        (["-n", "0"], "between 1 and 20000"),
        (["-n", "20001"], "between 1 and 20000"),
        (["-n", "x"], "Invalid value for"),
        (["--source", "x"], "Invalid source: 'x'. Must be 'stdout', 'stderr', or 'system'."),
        (["--since", "x"], "--since must be an age"),
        (["--since", "36d"], "35 days"),
        (["--since", "1h", "--until", "2h"], "before"),
    ],
)
def test_wrong_options_are_usage_errors_before_anybody_is_asked(
    cli: Cli, platform: FakePlatform, argv: list[str], words: str
) -> None:
    result = cli("app", "logs", "hello", *argv)
    assert (result.code, result.out, platform.asked) == (2, "", [])
    assert words in result.err


def test_a_stream_that_breaks_off_is_an_error(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/apps/hello/logs"] = [("log", an_entry(1, "one"))]
    result = cli("app", "logs", "hello")
    assert (result.code, result.out) == (1, "one\n")
    assert "cut before its end" in result.err


class Streams:
    """Opens one stream after the other; each is a list of events, which then breaks off, or an error."""

    def __init__(self, *streams: list[Event] | Exception) -> None:
        self.streams = list(streams)
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, parameters: Mapping[str, Any]) -> Iterator[Event]:
        self.asked.append(dict(parameters))
        stream = self.streams.pop(0)
        if isinstance(stream, Exception):
            raise stream
        yield from stream
        if stream[-1].name != "end":
            raise NotConnectedError("cut")


def texts(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    return [entry["text"] for entry in entries]


def log(second: int, text: str) -> Event:
    return Event("log", an_entry(second, text))


def test_following_goes_on_after_a_cut_without_repeating_or_losing() -> None:
    again = [log(2, "b"), log(2, "b"), log(2, "c"), log(3, "d"), Event("end", {})]
    streams = Streams([log(1, "a"), log(2, "b"), log(2, "b")], NotConnectedError("down"), again)
    slept: list[float] = []
    assert texts(logs.entries(logs.Query(follow=True), streams, slept.append)) == ["a", "b", "b", "c", "d"]
    assert streams.asked[0]["since"] is None
    assert streams.asked[1]["since"] == streams.asked[2]["since"] == "2026-11-21T10:00:02Z"
    assert slept == [0.5, 1.0]


def test_following_gives_up_at_last_and_never_retries_other_errors() -> None:
    down = [NotConnectedError("down")] * (logs.RECONNECTS_MAX + 1)
    slept: list[float] = []
    with pytest.raises(NotConnectedError, match="down"):
        texts(logs.entries(logs.Query(follow=True), Streams([log(1, "a")], *down), slept.append))
    assert len(slept) == logs.RECONNECTS_MAX
    with pytest.raises(AuthError):
        texts(logs.entries(logs.Query(follow=True), Streams([log(1, "a")], AuthError("no")), slept.append))
    with pytest.raises(NotConnectedError):
        texts(logs.entries(logs.Query(follow=True), Streams(NotConnectedError("never was up")), pytest.fail))


def test_without_follow_a_cut_is_not_retried() -> None:
    with pytest.raises(NotConnectedError):
        texts(logs.entries(logs.Query(), Streams([log(1, "a")]), pytest.fail))


def test_a_followed_log_survives_a_restart_of_the_platform(
    cli: Cli, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs.time, "sleep", lambda _: None)
    cut, rest = [("log", an_entry(1, "one"))], [("log", an_entry(1, "one")), ("log", an_entry(2, "two")), ("end", {})]
    platform.answers["GET /v1/apps/hello/logs"] = Queue([cut, rest])
    result = cli("app", "logs", "hello", "-f")
    assert (result.code, result.out) == (0, "one\ntwo\n")
    assert platform.asked[0].query == {"environment": "main", "follow": "true"}
