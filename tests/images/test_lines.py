"""Who says more than is heard costs no more memory than was agreed, and who hears is told what is missing."""

from __future__ import annotations

import asyncio

from homeport.images.lines import LINE_COST, Lines

LEFT_OUT = "(7 lines are left out here; the log of the build has more of them)"


def ten(lines: Lines) -> None:
    for number in range(10):
        lines.say(f"{number}")


def test_the_last_lines_are_kept_and_stay() -> None:
    lines = Lines(bytes_max=3 * (LINE_COST + 1))
    ten(lines)
    assert list(lines) == list(lines) == [LEFT_OUT, "7", "8", "9"]


def test_a_line_that_is_too_long_alone_is_heard_all_the_same() -> None:
    lines = Lines(bytes_max=1)
    lines.say("long")
    assert list(lines) == ["long"]


def test_a_slow_hearer_is_told_what_it_missed_and_hears_the_end() -> None:
    async def story() -> None:
        lines, heard = Lines(bytes_max=3 * (LINE_COST + 1)), list[str]()
        ten(lines)
        async for line in lines.hear():
            heard.append(line)
            if line == "9":
                lines.say("later")
                lines.end()
        assert heard == [LEFT_OUT, "7", "8", "9", "later"]

    asyncio.run(story())


def test_a_hearer_waits_for_what_comes() -> None:
    async def story() -> None:
        lines = Lines()
        asyncio.get_running_loop().call_soon(lines.say, "a")
        asyncio.get_running_loop().call_soon(lines.end)
        assert [line async for line in lines.hear()] == ["a"]

    asyncio.run(story())
