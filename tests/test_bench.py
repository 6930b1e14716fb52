"""The benchmarks' own arithmetic: what a figure says, what is read from wrk, what the load generator counts. Nothing is
measured here.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from free_ports import free_ports

WRK = """\
Running 2s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
  Latency Distribution
     50%    1.33ms
     75%    1.50ms
     90%    2.00ms
     99%  785.00us\x20
  89096 requests in 2.00s, 12.00MB read
Requests/sec:  44548.00
Transfer/sec:      6.00MB
"""


def bench(name: str) -> ModuleType:
    """One file of bench/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", Path(__file__).parent.parent / "bench" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


report, load, openloop, proxies = bench("report"), bench("load"), bench("openloop"), bench("proxies")


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """For files of bench/ that import each other."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "bench"))


def figure(ours: list[float], theirs: list[float], target: object = None) -> object:
    return report.Figure.of(("start", "ms", "bare process"), ours, theirs, target)


def test_a_figure_is_the_median_of_its_rounds_beside_that_of_the_companion() -> None:
    made = figure([50, 60, 500], [40, 50, 45])
    assert (made.value, made.beside, made.rounds, made.ratio) == (60, 45, 3, 60 / 45)


def test_rounds_that_do_not_stand_beside_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rounds beside 1"):
        figure([1, 2], [1])


@pytest.mark.parametrize(
    ("at_most", "of", "met"),
    [
        (1.3, "ratio", True),
        (1.1, "ratio", False),
        (60, "value", True),
        (59, "value", False),
        (10, "difference", True),
        (9, "difference", False),
    ],
)
def test_a_target_is_of_the_ratio_or_of_the_figure_or_of_what_it_is_more(at_most: float, of: str, met: bool) -> None:
    assert figure([60], [50], report.Target(at_most, of)).met is met


def test_a_target_may_be_the_least_there_has_to_be() -> None:
    assert figure([60], [10], report.Target(6, at_least=True)).met is True
    assert figure([59], [10], report.Target(6, at_least=True)).met is False
    assert "≥ 6 x" in report.table([figure([60], [10], report.Target(6, at_least=True))])[2]


def test_one_failed_request_misses_a_target_of_none() -> None:
    made = report.Figure("failed", "", 1, 1000, "sent", 3, report.Target(0, "value"))
    assert made.met is False
    assert "1,000 sent" in report.table([made])[2]


def test_a_companion_that_took_no_time_gives_no_ratio_and_meets_none() -> None:
    made = figure([60], [-1], report.Target(2))
    assert made.ratio is None
    assert made.met is False


def test_the_table_has_one_aligned_row_per_figure_and_the_verdict_names_what_was_missed() -> None:
    figures = [figure([60], [50], report.Target(1.1)), figure([1234], [50])]
    lines = report.table(figures)
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert "1,234 ms" in lines[3]
    assert report.verdict(figures) == "0 of 1 targets met; missed: start beside bare process"


def test_the_json_has_what_the_table_says() -> None:
    said = report.as_json([figure([60], [50])], {"cores": "2"}, ["quiet"])
    assert said["machine"] == {"cores": "2"}
    assert said["figures"][0]["ratio"] == 1.2


def test_what_wrk_says_becomes_a_value() -> None:
    result = load.parse(WRK, 1.9)
    assert (result.requests, result.per_second, result.p50_us, result.p99_us) == (89096, 44548, 1330, 785)
    assert result.cpu_us == pytest.approx(21.3, abs=0.1)


def test_answers_that_are_errors_are_no_result() -> None:
    with pytest.raises(RuntimeError, match="met errors"):
        load.parse(f"{WRK}  Non-2xx or 3xx responses: 3\n", 1.0)


def test_no_answers_are_no_result() -> None:
    with pytest.raises(RuntimeError, match="no answers"):
        load.parse("  0 requests in 2.00s, 0.00B read\n", 1.0)


def test_a_run_without_an_answer_is_made_again_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(argv: list[str], **_: object) -> object:
        asked.append(next(word for word in argv if word.startswith("-d")))
        return SimpleNamespace(stdout=WRK if len(asked) == 3 else "  0 requests in 2.00s, 0.00B read\n")

    monkeypatch.setattr(load.subprocess, "run", run)
    assert load.Wrk(2, None).run("http://x/", 1).requests == 89096
    assert asked == ["-d2s", "-d8s", "-d20s"]


@pytest.mark.usefixtures("together")
def test_a_proxy_beside_the_router_that_fails_is_given_up_and_the_rest_goes_on() -> None:
    router = bench("router")
    runs = router.Runs()

    def fails() -> object:
        raise RuntimeError("wrk met errors:\nmany lines")

    for way, run in (("Caddy", fails), ("router", lambda: load.parse(WRK, 1.0)), ("Caddy", fails)):
        runs.add(way, router.SMALL, run)
    assert runs.lost == {"Caddy": "wrk met errors"}
    assert list(runs.results) == [("router", router.SMALL)]
    with pytest.raises(RuntimeError):
        runs.add("router", router.SMALL, fails)


@pytest.mark.parametrize("proxy", proxies.OTHERS, ids=lambda proxy: str(proxy.name))
def test_every_proxy_is_told_where_it_listens_and_what_is_behind_it(proxy: object, tmp_path: Path) -> None:
    argv = proxy.prepare("/bin/it", tmp_path, (18080, 19090))
    told = " ".join(argv) + next(tmp_path.iterdir()).read_text()
    assert argv[0] == "/bin/it"
    assert ("18080" in told, "19090" in told, "{" in told.replace("{", "", 1)) == (True, True, True)


@pytest.mark.usefixtures("together")
def test_every_part_of_the_routers_rules_is_found_in_its_configuration() -> None:
    rules = bench("rules")
    config = (Path(__file__).parent / "router" / "golden" / "haproxy.cfg").read_text()
    for name, change in rules.PARTS.items():
        changed = change(config)
        assert changed != config, name
        assert "\n    log-format" in changed, name


@pytest.mark.usefixtures("together")
def test_messages_come_back_over_websockets(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = bench("messages")
    monkeypatch.setattr(messages.bare, "free_ports", free_ports)
    with messages.echoing(None) as port:
        made = messages.exchange(messages.Plan(port, 2, 0.1, ("Host: x",)), None)
    assert made.requests > 0


@pytest.mark.usefixtures("together")
def test_a_burst_is_split_where_its_first_good_answer_came() -> None:
    zero = bench("zero")
    refused = [openloop.Answer(100.0 + at, 0.0, 1.0, "status 503") for at in range(3)]
    good = [openloop.Answer(103.0, 0.0, 1500.0), openloop.Answer(104.6, 0.0, 2.0), openloop.Answer(105.0, 0.0, 2.0, "reset")]
    before, after = zero._split(openloop.Answers((*refused, *good)))
    assert [len(before.all), len(after.all), after.failed] == [4, 2, 1]


def answers(*done_ms: float) -> object:
    """One request per second from second 100 on, each sent at once."""
    return openloop.Answers(tuple(openloop.Answer(100.0 + at, 0.0, ms) for at, ms in enumerate(done_ms)))


def test_a_stretch_of_a_run_holds_what_was_due_in_it() -> None:
    assert [a.done_ms for a in answers(1, 2, 3, 4).between(101.0, 103.0).all] == [2, 3]


def test_percentiles_count_every_request() -> None:
    made = answers(*range(101))
    assert (made.done_ms(50), made.done_ms(95)) == (50, 95)
    assert made.per_second == 1.0


def test_problems_are_counted_by_kind() -> None:
    made = openloop.Answers(tuple(openloop.Answer(1.0, 0, 0, why) for why in ("", "reset", "status 503", "reset")))
    assert (made.failed, made.problems) == (3, "2 x reset, 1 x status 503")


@pytest.mark.parametrize(
    ("got", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
        (b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", 503),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", None),
        (b"HTTP/1.1 200 OK\r\nContent-", None),
    ],
)
def test_an_answer_counts_when_all_of_it_is_there(got: bytes, status: int | None) -> None:
    assert openloop.complete(got) == status


class Peer:
    """Answers each connection's requests with these, in order, and then closes it. One connection after the other."""

    def __init__(self, *given: bytes) -> None:
        self.given = given
        self.accepted = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                connection, _ = self.listener.accept()
                self.accepted += 1
                with connection:
                    for answer in self.given:
                        if not connection.recv(65536):
                            break
                        connection.sendall(answer)


GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BAD = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"


def sent(plan: object, count: int) -> object:
    """So many requests, one after the other, by the generator itself in this process."""
    generator = openloop.Generator(plan)
    for _ in range(count):
        generator.send(time.perf_counter())
        generator.finish()
    return openloop.Answers(tuple(generator.answers))


@pytest.mark.parametrize(
    ("given", "problems"), [([GOOD], ""), ([BAD], "2 x status 503"), ([b""], "2 x closed without an answer")]
)
def test_the_generator_tells_good_answers_from_bad_and_from_none(given: list[bytes], problems: str) -> None:
    peer = Peer(*given)
    with peer.listener:
        assert sent(openloop.Plan(peer.port, "x", 1000, keep_alive=False), 2).problems == problems
    assert peer.accepted == 2


def test_a_port_that_is_closed_fails_every_request() -> None:
    peer = Peer()
    peer.listener.close()
    assert sent(openloop.Plan(peer.port, "x", 1000, keep_alive=True), 3).failed == 3


def test_a_connection_that_was_closed_while_it_was_idle_loses_no_request() -> None:
    peer = Peer(GOOD)
    with peer.listener:
        made = sent(openloop.Plan(peer.port, "x", 1000, keep_alive=True), openloop.CONNECTIONS + 8)
    assert (len(made.all), made.failed) == (openloop.CONNECTIONS + 8, 0)


def test_connections_are_used_again_when_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openloop, "CONNECTIONS", 1)
    peer = Peer(*[GOOD] * 5)
    with peer.listener:
        assert sent(openloop.Plan(peer.port, "x", 1000, keep_alive=True), 5).failed == 0
    assert peer.accepted == 1
