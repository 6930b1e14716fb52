"""Dicts and Queues by name, whom they are for, and waiting on a Queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from homeport.control.dicts import Dicts
from homeport.control.objects import UNNAMED_MS, Objects, refuse_out_of_reach
from homeport.control.queues import Queues
from homeport.errors import AlreadyExistsError, InvalidError, NotFoundError, PermissionDeniedError
from homeport.store.objects import Kind, ObjectFile, ObjectRow

from .plant import Plant


class Clock:
    def __init__(self) -> None:
        self.at_ms = 1_000_000

    def now_ms(self) -> int:
        return self.at_ms


class House:
    def __init__(self, root: Path) -> None:
        self.clock = Clock()
        self.plant = Plant(root)
        self.plant.environments.create("dev", None, "ann")
        self.objects = Objects(ObjectFile(root / "objects.db"), self.plant.environments, self.clock)
        self.dicts = Dicts(self.objects, root / "uploads")
        self.queues = Queues(self.objects)

    async def named(self, kind: Kind, name: str = "shared", environment: str = "main") -> ObjectRow:
        object_id = await self.objects.resolve(kind, name, environment, create=True, actor="ann")
        return self.objects.get(kind, object_id, None)


@asynccontextmanager
async def house(root: Path) -> AsyncIterator[House]:
    made = House(root)
    try:
        async with asyncio.timeout(20):
            yield made
    finally:
        made.objects.close()
        made.plant.database.close()


def run(root: Path, test: Callable[[House], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with house(root) as made:
            await test(made)

    asyncio.run(inside())


def test_two_who_make_the_same_name_at_once_get_the_same_one(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        found = await asyncio.gather(*(house.named(Kind.DICT) for _ in range(5)))
        assert len({row.object_id for row in found}) == 1
        assert (await house.named(Kind.QUEUE)).object_id.startswith("qu-")
        assert (await house.named(Kind.DICT, environment="dev")).object_id != found[0].object_id
        with pytest.raises(AlreadyExistsError):
            await house.objects.create(Kind.DICT, "shared", "main", allow_existing=False, actor="ann")

    run(tmp_path, test)


def test_one_that_is_not_there_is_named_with_what_is_spelled_alike(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        await house.named(Kind.DICT)
        with pytest.raises(NotFoundError, match=r"no Dict 'sharde' in the 'main' environment\. Did you mean shared"):
            await house.objects.resolve(Kind.DICT, "sharde", "main", create=False, actor="ann")
        with pytest.raises(NotFoundError, match="no environment 'nowhere'"):
            await house.objects.resolve(Kind.DICT, "x", "nowhere", create=True, actor="ann")
        with pytest.raises(InvalidError, match="Invalid Dict name: 'a/b'"):
            await house.objects.resolve(Kind.DICT, "a/b", "main", create=True, actor="ann")

    run(tmp_path, test)


def test_who_is_within_an_environment_reaches_no_other(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        row = await house.named(Kind.DICT, environment="dev")
        assert house.objects.get(Kind.DICT, row.object_id, "dev") == row
        for kind, within in ((Kind.DICT, "main"), (Kind.QUEUE, None)):
            with pytest.raises(NotFoundError):
                house.objects.get(kind, row.object_id, within)
        refuse_out_of_reach("dev", None)
        with pytest.raises(PermissionDeniedError, match="its own environment 'main' only"):
            refuse_out_of_reach("dev", "main")

    run(tmp_path, test)


def test_one_without_a_name_lives_for_as_long_as_it_is_said_to_be_needed(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        line = await house.objects.create(Kind.DICT, "", "main", allow_existing=False, actor="ann")
        named, object_id = await house.named(Kind.DICT), str(line["object_id"])
        assert [found["name"] for found in house.objects.lines(Kind.DICT, "main")] == ["shared"]
        house.clock.at_ms += UNNAMED_MS - 1
        await house.objects.heartbeat(house.objects.get(Kind.DICT, object_id, None))
        house.clock.at_ms += UNNAMED_MS - 1
        await house.objects.remove_what_is_over()
        assert house.objects.get(Kind.DICT, object_id, None)
        house.clock.at_ms += 1
        await house.objects.remove_what_is_over()
        with pytest.raises(NotFoundError):
            house.objects.get(Kind.DICT, object_id, None)
        assert house.objects.file.rows() == [named]

    run(tmp_path, test)


def test_those_of_a_deleted_environment_go(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        row = await house.named(Kind.DICT, environment="dev")
        house.plant.environments.delete("dev", "ann")
        await house.objects.remove_what_is_over()
        assert row not in house.objects.file.rows()

    run(tmp_path, test)


def test_who_waits_for_an_item_is_woken_by_a_put_and_gets_it_alone(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        row = await house.named(Kind.QUEUE)
        waiting = [asyncio.create_task(house.queues.get(row, "", 1, 25_000)) for _ in range(3)]
        await house.objects.run(lambda: None)
        for item in (b"a", b"b", b"c"):
            assert await house.queues.put(row, "", [item], ttl_ms=1000, wait_ms=0)
        assert sorted(await asyncio.gather(*waiting)) == [[b"a"], [b"b"], [b"c"]]
        assert await house.queues.length(row, "", total=True) == 0

    run(tmp_path, test)


def test_who_waits_for_room_is_woken_by_a_get(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        row = await house.named(Kind.QUEUE)
        assert await house.queues.put(row, "", [b"x"] * 5000, ttl_ms=1000, wait_ms=0)
        assert not await house.queues.put(row, "", [b"y"], ttl_ms=1000, wait_ms=0)
        waiting = asyncio.create_task(house.queues.put(row, "", [b"y"], ttl_ms=1000, wait_ms=25_000))
        await house.objects.run(lambda: None)
        assert await house.queues.get(row, "", 1, 0) == [b"x"]
        assert await waiting

    run(tmp_path, test)


def test_nobody_takes_one_who_has_gone(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        row = await house.named(Kind.QUEUE)
        waiting = asyncio.create_task(house.queues.get(row, "", 1, 25_000))
        await house.objects.run(lambda: None)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await house.queues.put(row, "", [b"a"], ttl_ms=1000, wait_ms=0)
        assert await house.queues.get(row, "", 1, 0) == [b"a"]

    run(tmp_path, test)


def test_who_waits_on_a_queue_that_is_deleted_is_told(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        row = await house.named(Kind.QUEUE)
        waiting = asyncio.create_task(house.queues.get(row, "", 1, 25_000))
        await house.objects.run(lambda: None)
        await house.objects.delete(row)
        house.queues.deleted(row)
        with pytest.raises(NotFoundError):
            await waiting

    run(tmp_path, test)


def test_what_is_too_large_is_refused_in_words(tmp_path: Path) -> None:
    async def test(house: House) -> None:
        queue, shared = await house.named(Kind.QUEUE), await house.named(Kind.DICT)
        put = house.queues.put
        with pytest.raises(InvalidError, match="at most 1 MiB when it is pickled, not 1048577 bytes"):
            await put(queue, "", [b"x" * (2**20 + 1)], ttl_ms=1000, wait_ms=0)
        with pytest.raises(InvalidError, match="between 1 and 64 characters"):
            await put(queue, "x" * 65, [b"x"], ttl_ms=1000, wait_ms=0)
        for ttl_ms in (0, -1, 8 * 24 * 3600 * 1000):
            with pytest.raises(InvalidError, match="partition_ttl"):
                await put(queue, "", [b"x"], ttl_ms=ttl_ms, wait_ms=0)
        with pytest.raises(InvalidError, match="at most 10000 entries"):
            await house.dicts.put(shared, [(b"%d" % n, b"") for n in range(10_001)], skip_existing=False)
        with pytest.raises(InvalidError, match="key can have at most 64 KiB"):
            await house.dicts.put(shared, [(b"x" * 65_537, b"")], skip_existing=False)

    run(tmp_path, test)


def test_an_upload_becomes_a_value_once_and_leaves_nothing(tmp_path: Path) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * (1 << 20)

    async def test(house: House) -> None:
        row, name = await house.named(Kind.DICT), "a" * 32
        await house.dicts.upload(name, pieces(5))
        assert await house.dicts.put_uploaded(row, b"k", name, skip_existing=False) == 1
        assert len(await house.dicts.get(row, b"k") or b"") == 5 << 20
        with pytest.raises(NotFoundError, match="put it again"):
            await house.dicts.put_uploaded(row, b"k", name, skip_existing=False)
        with pytest.raises(InvalidError, match="at most 100 MiB"):
            await house.dicts.upload(name, pieces(101))
        for wrong in ("../../etc/passwd", "", "A" * 32):
            with pytest.raises(InvalidError, match="32 hex digits"):
                await house.dicts.upload(wrong, pieces(1))
        assert list((tmp_path / "uploads").iterdir()) == []

    run(tmp_path, test)
