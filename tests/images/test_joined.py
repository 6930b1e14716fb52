"""Work that is wanted twice is done once, and ends when nobody wants it any more."""

from __future__ import annotations

import asyncio
import os

import pytest

from homeport.errors import ImageBuildError, PlatformError
from homeport.images import lines, runner
from homeport.images.joined import Joined
from homeport.ports import Progress


class Work:
    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self, progress: Progress) -> int:
        self.begun += 1
        progress("begun")
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        progress("done")
        return self.begun


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_late_comer_hears_everything_and_gets_the_same_result() -> None:
    async def story() -> None:
        joined, work, early, late = Joined[int](), Work(), list[str](), list[str]()
        first = asyncio.create_task(joined.do("k", work, early.append))
        await turns()
        second = asyncio.create_task(joined.do("k", work, late.append))
        await turns()
        work.go.set()
        assert await asyncio.gather(first, second) == [1, 1]
        assert early == late == ["begun", "done"]
        assert await joined.do("k", work, early.append) == 2

    asyncio.run(story())


def test_work_that_says_without_end_is_not_remembered_whole() -> None:
    async def story() -> None:
        joined, late, go = Joined[int](), list[str](), asyncio.Event()

        async def talks(progress: Progress) -> int:
            for number in range(50_000):
                progress(f"{number:0100}")
            await go.wait()
            return 1

        first = asyncio.create_task(joined.do("k", talks, lambda _: None))
        await turns()
        second = asyncio.create_task(joined.do("k", talks, late.append))
        await turns()
        go.set()
        assert await asyncio.gather(first, second) == [1, 1]
        assert "left out" in late[0]
        assert late[-1] == f"{49_999:0100}"
        assert sum(map(len, late)) < lines.BYTES_MAX

    asyncio.run(story())


def test_work_goes_on_while_one_of_two_still_waits() -> None:
    async def story() -> None:
        joined, work = Joined[int](), Work()
        first, second = (asyncio.create_task(joined.do("k", work, print)) for _ in range(2))
        await turns()
        first.cancel()
        await turns()
        assert work.cancelled == 0
        work.go.set()
        assert await second == 1

    asyncio.run(story())


def test_work_ends_with_the_last_who_waited_and_can_begin_again() -> None:
    async def story() -> None:
        joined, work = Joined[int](), Work()
        waits = asyncio.create_task(joined.do("k", work, print))
        await turns()
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert work.cancelled == 1
        work.go.set()
        assert await joined.do("k", work, print) == 2

    asyncio.run(story())


def test_an_error_reaches_all_who_waited_and_is_not_kept() -> None:
    async def fails(progress: Progress) -> int:
        await asyncio.sleep(0)
        raise ImageBuildError("no")

    async def story() -> None:
        joined = Joined[int]()
        found = await asyncio.gather(*(joined.do("k", fails, print) for _ in range(2)), return_exceptions=True)
        assert [type(each) for each in found] == [ImageBuildError, ImageBuildError]

        async def works(progress: Progress) -> int:
            return 7

        assert await joined.do("k", works, print) == 7

    asyncio.run(story())


def test_cancelling_ends_the_program_and_its_children() -> None:
    async def story() -> None:
        said: asyncio.Queue[str] = asyncio.Queue()
        running = asyncio.create_task(runner.run(["sh", "-c", "sleep 600 & echo $!; wait"], said.put_nowait))
        child = int(await said.get())
        handle = os.pidfd_open(child)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(handle, ended.set)
        await asyncio.wait_for(ended.wait(), 60)
        os.close(handle)

    asyncio.run(story())


def test_a_program_that_says_without_end_leaves_turns_to_others() -> None:
    async def story() -> None:
        count, lines_in_turn, most = 0, 0, 0

        def heard(_: str) -> None:
            nonlocal count, lines_in_turn
            count, lines_in_turn = count + 1, lines_in_turn + 1

        async def others() -> None:
            nonlocal lines_in_turn, most
            while True:
                most, lines_in_turn = max(most, lines_in_turn), 0
                await asyncio.sleep(0)

        turns_of_others = asyncio.create_task(others())
        await runner.run(["sh", "-c", "yes | head -n 300000"], heard)
        turns_of_others.cancel()
        assert count == 300_000
        assert most <= runner.CHUNK_BYTES

    asyncio.run(story())


def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(PlatformError, match="no-such-program-here"):
        asyncio.run(runner.run(["no-such-program-here"]))
