"""From the router's records to answers: what is logged, counted and dropped, and what is asked of it by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homeport.control import requestlog
from homeport.control.requestlog import RequestLog
from homeport.control.requests import TrafficQuery
from homeport.control.traffic import Traffic
from homeport.control.views import iso
from homeport.errors import InvalidError, NotFoundError
from homeport.router.records import RequestRecord, parse
from homeport.router.sessiontext import LOBBY_SERVER
from homeport.settings import Settings
from homeport.store.requests import RequestStore

from .plant import Plant, running

NOW_MS = 1_000_000
WEEK_MS = 7 * 86_400_000
HOUR = TrafficQuery("main", "shop", "web", since_ms=1, until_ms=NOW_MS + 100_000)


class Still:
    def now_ms(self) -> int:
        return NOW_MS + 100_000


def record(
    service_id: str, at_ms: int, *, status: int = 200, container: str = "<NOSRV>", refused: bool = False
) -> RequestRecord:
    route = f"be0000|main|0|0|0|0|ap-1|{service_id}|1"
    seconds = f"{at_ms // 1000}.{at_ms % 1000:03d}"
    fields = [
        seconds,
        route,
        container,
        str(status),
        *("0", "1", "2", "-1", "4"),
        "7",
        "8",
        "LR" if refused else "--",
        "-",
        "HTTP/1.1",
        "GET",
        "h",
        "/p",
        "::1",
        "0",
    ]
    found = parse("\t".join(fields).encode())
    assert found is not None
    return found


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    def run(story: Callable[[Plant, Traffic], Awaitable[None]]) -> None:
        async def told() -> None:
            async with running(tmp_path) as plant:
                settings = Settings(data_dir=tmp_path)
                store = RequestStore(tmp_path / "requests.db")
                log = RequestLog(store, settings, Still(), lambda: requestlog.versions(plant.loop.world))
                traffic = Traffic(log, plant.history, plant.loop, Still())
                traffic.find_app = lambda _ref, _environment: plant.app()
                await plant.deploy("one")
                await story(plant, traffic)
                await log.close()

        asyncio.run(told())

    return run


def service_id(plant: Plant) -> str:
    return next(iter(plant.loop.world.apps.values())).services[0].service_id


def test_a_request_is_found_with_its_container_and_version(play: Callable[..., None]) -> None:
    async def story(plant: Plant, traffic: Traffic) -> None:
        (container,) = plant.engine.containers
        traffic.log.take([record(service_id(plant), NOW_MS, container=container)])
        answer: Any = await traffic.newest(HOUR, 10)
        (row,) = answer["requests"]
        assert (row["route"], row["container_id"], row["version"], row["status"]) == ("/p", container, 1, 200)
        assert (row["duration_seconds"], row["bytes_up"], row["bytes_down"], row["why"]) == (0.004, 7, 8, None)
        phases = {"receive_seconds": 0, "queue_seconds": 0.001, "connect_seconds": 0.002, "response_seconds": None}
        assert row["phases"] == phases

    play(story)


def test_pages_are_oldest_first_and_end(play: Callable[..., None]) -> None:
    async def story(plant: Plant, traffic: Traffic) -> None:
        traffic.log.take([record(service_id(plant), NOW_MS + n) for n in range(5)])
        seen: list[str] = []
        after: str | None = None
        while True:
            page: Any = await traffic.page(HOUR, after, 2)
            seen += [row["timestamp"] for row in page["requests"]]
            after = page["next"]
            if after is None:
                break
        assert len(seen) == 5
        assert seen == sorted(seen)
        with pytest.raises(InvalidError, match="not the `next`"):
            await traffic.page(HOUR, "x-1", 2)

    play(story)


def test_what_was_refused_before_its_server_is_no_request_of_it(play: Callable[..., None]) -> None:
    async def story(plant: Plant, traffic: Traffic) -> None:
        own = service_id(plant)
        traffic.log.take([record(own, NOW_MS, status=status, refused=True) for status in (401, 403, 404)])
        traffic.log.take([record(own, NOW_MS, status=503, refused=True), record(own, NOW_MS)])
        answer: Any = await traffic.server_stats(HOUR)
        assert (answer["request_count"], answer["request_count_by_status_code"]) == (2, {"2xx": 1, "5xx": 1})
        assert dict(traffic.log.refused) == {"auth": 1, "env": 1, "stopped": 1}

    play(story)


def test_beyond_the_bound_records_are_dropped_and_counted(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requestlog, "PENDING_MAX", 3)

    async def story(plant: Plant, traffic: Traffic) -> None:
        traffic.log.take([record(service_id(plant), NOW_MS + n) for n in range(5)])
        answer: Any = await traffic.newest(HOUR, 10)
        assert (len(answer["requests"]), answer["dropped"]) == (3, 2)
        assert traffic.log.counts == {(service_id(plant), "2xx"): 5}

    play(story)


def test_a_disk_that_fails_costs_records_and_nothing_else(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(plant: Plant, traffic: Traffic) -> None:
        def fails(_rows: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(traffic.log.store, "append", fails)
            traffic.log.take([record(service_id(plant), NOW_MS)])
            await traffic.log.flush()
        traffic.log.take([record(service_id(plant), NOW_MS)])
        answer: Any = await traffic.newest(HOUR, 10)
        assert (len(answer["requests"]), answer["dropped"]) == (1, 1)

    play(story)


def test_statistics_count_containers_and_what_became_of_them(play: Callable[..., None]) -> None:
    async def story(plant: Plant, traffic: Traffic) -> None:
        await plant.deploy("two")
        answer: Any = await traffic.server_stats(HOUR)
        assert (answer["container_total_count"], answer["container_started_count"]) == (2, 2)
        assert (answer["container_error_count"], answer["container_creating_at_end_count"]) == (0, 0)
        assert answer["container_percentile_stats"]["startup_time"]["p50"] > 0
        one: Any = await traffic.server_stats(replace(HOUR, container_id=next(iter(plant.engine.containers))))
        assert one["container_total_count"] == 1
        with pytest.raises(NotFoundError, match="had no container"):
            await traffic.server_stats(replace(HOUR, container_id="ta-none"))

    play(story)


def test_statistics_of_an_app_have_each_of_its_servers(play: Callable[..., None]) -> None:
    async def story(plant: Plant, traffic: Traffic) -> None:
        traffic.log.take([record(service_id(plant), NOW_MS, status=500), record(service_id(plant), NOW_MS)])
        answer: Any = await traffic.app_stats(replace(HOUR, server=None))
        assert answer["servers"] == {
            "web": {"id": service_id(plant), "requests": 2, "failed": 1, "containers": 1, "errors": 0}
        }
        assert (answer["deployment_count"], answer["lifecycle"]["version"]) == (1, 1)

    play(story)


def test_the_longest_range_holds_although_the_question_was_on_its_way(play: Callable[..., None]) -> None:
    async def story(plant: Plant, traffic: Traffic) -> None:
        now_ms = Still().now_ms()
        asked = replace(HOUR, since_ms=now_ms - WEEK_MS - 60_000, until_ms=None)
        answer: Any = await traffic.server_stats(asked)
        assert answer["since"] == iso(now_ms - WEEK_MS)
        traffic.log.take([record(service_id(plant), NOW_MS + n) for n in range(2)])
        page: Any = await traffic.page(asked, None, 1)
        late = replace(asked, since_ms=asked.since_ms - 3_600_000)  # it took an hour to read the page before
        assert len((await traffic.page(late, page["next"], 1))["requests"]) == 1
        month: Any = replace(asked, since_ms=now_ms - 31 * 86_400_000 - 1)
        assert traffic.span(month, default_ms=1, days_max=31).since_ms == now_ms - 31 * 86_400_000
        for refused in (replace(asked, since_ms=asked.since_ms - 1), replace(asked, until_ms=now_ms)):
            with pytest.raises(InvalidError, match="7 days"):
                await traffic.app_stats(refused)

    play(story)


def test_a_server_or_a_range_that_there_is_not_is_refused(play: Callable[..., None]) -> None:
    async def story(_plant: Plant, traffic: Traffic) -> None:
        with pytest.raises(NotFoundError, match="no Server 'wib'; its Servers: web"):
            await traffic.newest(replace(HOUR, server="wib"), 10)
        with pytest.raises(InvalidError, match="before"):
            await traffic.newest(replace(HOUR, since_ms=5, until_ms=5), 10)
        with pytest.raises(InvalidError, match="7 days"):
            await traffic.server_stats(replace(HOUR, since_ms=1, until_ms=8 * 86_400_000))

    play(story)


def test_who_was_not_let_in_and_who_only_talked_to_the_platform_is_in_no_log_of_a_server(play: Callable[..., None]) -> None:
    async def story(plant: Plant, traffic: Traffic) -> None:
        own = service_id(plant)
        refused = [record(own, NOW_MS, status=status, refused=True) for status in (401, 403, 429)]
        lobby = [record(own, NOW_MS, status=status, container=LOBBY_SERVER) for status in (200, 503)]
        traffic.log.take([*refused, *lobby])
        answer: Any = await traffic.newest(HOUR, 10)
        assert [row["why"] for row in answer["requests"]] == ["full"]
        assert traffic.log.counts == {(own, "4xx"): 1}
        assert traffic.log.refused == {"auth": 1, "env": 1, "lobby": 1}

    play(story)
