"""Understanding what `buildah build` says, to name the step that failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

LINES_SHOWN = 10
_STEP = re.compile(r"STEP \d+/\d+: ")
_NOISE = re.compile(r"subprocess exited with status|Error: (error )?building at STEP|time=\"")
_EXIT = re.compile(r"exit status (\d+)")


class BuildLog:
    """Fed line by line; remembers the step it is at and the last lines of that step."""

    def __init__(self) -> None:
        self._step = ""
        self._lines: list[str] = []

    def feed(self, line: str) -> None:
        if _STEP.match(line):
            self._step, self._lines = line, []
        else:
            self._lines.append(line)

    def failure(self, last_words: str) -> str:
        """First line: what failed and how. Then the last lines of its output, indented."""
        shown = _tail(self._lines)
        if not self._step:
            return "\n  ".join([f"the image build failed: {last_words or 'buildah gave no reason'}", *shown])
        found = _EXIT.search(last_words)
        how = f"exit status {found[1]}" if found else last_words.removeprefix("Error: ") or "no reason given"
        step = self._step.removeprefix("STEP ").replace("/", " of ", 1)
        return "\n  ".join([f"the image build failed at step {step} ({how})", *shown])


def _tail(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip() and not _NOISE.search(line)][-LINES_SHOWN:]
