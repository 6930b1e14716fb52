"""Following what `buildah build` says: at which instruction it is, which layers it made, and what to say of a failure. Pure.

    STEP 2/5: RUN pip install x     instruction 2 begins; 1 is FROM
    --> 0f21c9d3a5b                 its layer is committed, as this image

A build step may print such lines itself. Numbers only count when they are the next ones, and a layer only counts for the
instruction that is under way, so a step can at most deceive its own build about its own layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

LINES_SHOWN = 10
_STEP = re.compile(r"STEP (\d+)/(\d+): (.*)", re.DOTALL)
COMMITTED = re.compile(r"--> ([0-9a-f]{11,64})")
_ANY_STEP = re.compile(r"(\[\d+/\d+\] )?STEP \d+/\d+: ")
_NOISE = re.compile(
    r"subprocess exited with status|Error: (error )?building at STEP|error running container:|time=\"|^: exit status"
)
_EXIT = re.compile(r"exit status (\d+)")
_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


class Tracker:
    """Of one invocation of buildah. `at` is the number of the instruction under way, 0 before the first."""

    def __init__(self) -> None:
        self.at = 0
        self.committed: dict[int, str] = {}  # by number of the instruction: the (short) id of the image

    def feed(self, line: str) -> bool:
        """Whether an instruction begins here."""
        found = _STEP.fullmatch(line)
        if found and int(found[1]) == self.at + 1:
            self.at += 1
            return True
        if found := COMMITTED.fullmatch(line):
            self.committed[self.at] = found[1]
        return False


class Tail:
    """The last lines of the step under way, for a failure. is_full: asked when they say that the disk is full.

    A step may print that for other reasons, and soon after it has failed there is room again.
    """

    def __init__(self, is_full: Callable[[], bool]) -> None:
        self._is_full = is_full
        self.is_full_disk = False
        self.step = ""
        self._lines: list[str] = []

    def begin(self, step: str) -> None:
        self.step, self._lines, self.is_full_disk = step, [], False

    def feed(self, line: str) -> None:
        if _ANY_STEP.match(line):
            self.begin(line.rpartition("STEP ")[2])
            return
        self._lines.append(line)
        del self._lines[:-500]
        self.is_full_disk = self.is_full_disk or (_NO_SPACE.search(line) is not None and self._is_full())

    def traceback(self) -> list[str]:
        """From the last `Traceback` line on; empty without one."""
        starts = [place for place, line in enumerate(self._lines) if line.startswith("Traceback (most recent call last)")]
        return [line for line in self._lines[starts[-1] :] if line.strip() and not _NOISE.search(line)] if starts else []

    def failure(self, last_words: str) -> list[str]:
        """First line: what failed and how. Then the last lines of its output."""
        shown = shown_tail(self._lines)
        if not self.step:
            return [last_words.removeprefix("Error: ") or "buildah gave no reason", *shown[:-1]]
        found = _EXIT.search(last_words)
        how = f"exit status {found[1]}" if found else _short(last_words) or "no reason given"
        told = (line for line in shown if _short(line) != how)  # a registry's refusal is long enough once
        return [f"step {self.step.replace('/', ' of ', 1)} ({how})", *told]


def says_no_space(last_words: str) -> bool:
    """buildah itself, which has to know; not the step."""
    return last_words.startswith("Error: ") and _NO_SPACE.search(_short(last_words)) is not None


def shown_tail(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip() and not _NOISE.search(line)][-LINES_SHOWN:]


def _short(last_words: str) -> str:
    """buildah repeats the whole step before it comes to the reason."""
    words = last_words.removeprefix("Error: ")
    return words.rpartition('": ')[2] if words.startswith("building at STEP") else words
