"""Averages of requests in flight, from looks at the router and the log of what is over."""

from __future__ import annotations

from homeport.control.samples import Samples
from homeport.core.model import Busy

WEB = ("ap-1", "fu-1")
OF = {"ta-1": WEB, "ta-2": WEB}


def centi(samples: Samples, now_ms: int, **in_flight: int) -> int:
    seen = {name.replace("_", "-"): many for name, many in in_flight.items()}
    loads = samples.look(seen, OF, now_ms).loads
    return loads[0].in_flight_centi if loads else 0


def test_requests_that_came_and_went_between_two_looks_count_by_their_time() -> None:
    samples = Samples(1_000)
    for ended_ms in range(1_010, 1_250, 10):
        samples.ended(WEB, ended_ms, 10)
    assert centi(samples, 1_250) == 96


def test_a_stream_that_is_there_at_both_looks_counts_in_full() -> None:
    samples = Samples(1_000)
    samples.look({"ta-1": 1, "ta-2": 2}, OF, 1_250)
    assert centi(samples, 1_500, ta_1=1, ta_2=2) == 300


def test_what_came_since_the_last_look_and_goes_on_counts_by_half() -> None:
    samples = Samples(1_000)
    assert centi(samples, 1_250, ta_1=4) == 200
    assert centi(samples, 1_500, ta_1=4) == 400


def test_what_was_there_before_and_is_over_counts_up_to_its_end() -> None:
    samples = Samples(1_000)
    samples.look({"ta-1": 1}, OF, 1_200)
    samples.ended(WEB, 1_300, 600)
    assert centi(samples, 1_400) == 50


def test_a_request_too_short_to_measure_is_a_request() -> None:
    samples = Samples(1_000)
    samples.ended(WEB, 1_100, 0)
    assert centi(samples, 11_000) == 1


def test_where_the_requests_are_is_told_with_the_load() -> None:
    (load,) = Samples(1_000).look({"ta-1": 1, "ta-2": 0, "ta-9": 5}, OF, 1_250).loads
    assert load.busy == (Busy("ta-1", 1),)


def test_a_look_that_failed_is_a_gap_and_what_was_seen_before_it_is_forgotten() -> None:
    samples = Samples(1_000)
    samples.ended(WEB, 1_100, 90)
    samples.lost(1_250)
    sample = samples.look({}, OF, 1_500)
    assert (sample.from_ms, sample.loads) == (1_250, ())


def test_it_is_quiet_while_nothing_is_in_flight_and_nothing_ends() -> None:
    samples = Samples(1_000)
    assert samples.is_quiet
    samples.ended(WEB, 1_100, 90)
    assert not samples.is_quiet
    samples.look({"ta-1": 1}, OF, 1_250)
    assert not samples.is_quiet
    samples.look({}, OF, 1_500)
    assert samples.is_quiet


def test_people_who_ask_again_at_once_are_not_counted_twice() -> None:
    samples = Samples(1_000)
    samples.look({"ta-1": 45}, OF, 1_250)
    for _ in range(45):
        samples.ended(WEB, 1_450, 1_000)
    assert centi(samples, 1_500, ta_1=45) == 4_500


def test_what_the_log_tells_after_the_look_counts_with_the_next() -> None:
    samples = Samples(1_000)
    samples.look({}, OF, 1_250)
    samples.ended(WEB, 1_240, 50)
    assert centi(samples, 1_500) == 20
    samples.ended(WEB, 1_400, 300)  # it was there at the look between
    assert centi(samples, 1_750) == 1
