"""`FilePatternMatcher`: which local files are meant, by patterns as in a `.dockerignore`. Runs in containers too.

The rules are Docker's: patterns are relative to the folder; `*` and `?` stay within a name, `**` is any number of folders;
what matches a folder holds for all in it; `!` takes it back, and the last pattern that matches counts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from re import Pattern
    from typing import Self


class Matcher:
    """Says of a path, relative to a folder, whether it is meant. `~matcher` means the others."""

    _shown_as = ""

    def __call__(self, path: Path) -> bool:
        raise NotImplementedError

    def can_prune_directories(self) -> bool:
        """Whether what it says of a folder holds for all that is in it."""
        return False

    def __invert__(self) -> Matcher:
        return _Others(self)

    def __repr__(self) -> str:
        return self._shown_as or super().__repr__()


class _Others(Matcher):
    def __init__(self, of: Callable[[Path], bool]) -> None:
        self._of = of
        self._shown_as = f"~{of!r}"

    def __call__(self, path: Path) -> bool:
        return not self._of(path)


class FilePatternMatcher(Matcher):
    """Paths that match patterns: `FilePatternMatcher("**/*.pyc", "data", "!data/small.csv")`."""

    def __init__(self, *pattern: str) -> None:
        """pattern: as lines of a `.dockerignore`. Raises ValueError for one that can't be read."""
        self._patterns: list[tuple[bool, Pattern[str]]] | None = _compiled(pattern)
        self._file: Path | None = None
        self._shown_as = f"FilePatternMatcher({', '.join(map(repr, pattern))})"

    @classmethod
    def from_file(cls, file_path: str | Path) -> Self:
        """Patterns from the file `file_path`, one per line; `#` begins a comment. It is read at the first use, which raises
        OSError if it can't be read, and ValueError for a pattern that can't.
        """
        from pathlib import Path

        made = cls()
        made._patterns, made._file = None, Path(file_path)
        made._shown_as = f"FilePatternMatcher.from_file({str(file_path)!r})"
        return made

    def can_prune_directories(self) -> bool:
        """Whether what it says of a folder holds for everything in it."""
        return not any(negated for negated, _ in self._all())

    def __call__(self, path: Path) -> bool:
        import os.path

        normal = os.path.normpath(path)
        if normal == ".":
            return False
        meant = False
        for negated, pattern in self._all():
            if meant is negated and pattern.fullmatch(normal):
                meant = not negated
        return meant

    def _all(self) -> list[tuple[bool, Pattern[str]]]:
        if self._patterns is None:
            assert self._file is not None
            lines = self._file.read_text(encoding="utf-8-sig").splitlines()
            self._patterns = _compiled(line for line in lines if not line.startswith("#"))
        return self._patterns


def _compiled(patterns: Iterable[str]) -> list[tuple[bool, Pattern[str]]]:
    import os.path
    import re

    found = []
    for given in patterns:
        text = given.strip()
        negated = text.startswith("!")
        text = text[1:].strip() if negated else text
        if negated and not text:
            raise ValueError(f"The pattern {given!r} negates nothing; write a pattern after the '!'.")
        if not text:
            continue
        cleaned = os.path.normpath(text).lstrip("/")
        if cleaned in ("", "."):  # as in Docker, the folder itself can't be left out
            continue
        try:
            # what matches a folder holds for all below it
            found.append((negated, re.compile(f"(?:{_expression(cleaned)})(?:/.*)?", re.DOTALL)))
        except re.error as error:
            raise ValueError(f"The pattern {given!r} can't be read: {error}.") from None
    return found


def _expression(pattern: str) -> str:
    """One pattern as a regular expression."""
    import re

    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**", at):
            at += 2
            folders = pattern.startswith("/", at)
            at += folders
            parts.append("(?:.*/)?" if folders else ".*")
        elif pattern[at] in "*?":
            parts.append("[^/]*" if pattern[at] == "*" else "[^/]")
            at += 1
        elif pattern[at] == "[":
            end = _end_of_set(pattern, at)
            parts.append(_set(pattern[at + 1 : end]))
            at = end + 1
        else:
            at += pattern[at] == "\\" and at + 1 < len(pattern)
            parts.append(re.escape(pattern[at]))
            at += 1
    return "".join(parts)


def _end_of_set(pattern: str, start: int) -> int:
    import re

    at = start + 2 if pattern.startswith("^", start + 1) else start + 1
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    if at >= len(pattern):
        raise re.error("'[' without ']'")
    return at


def _set(inside: str) -> str:
    """Characters and ranges as they are; what is special in an expression only is escaped. Never a `/`."""
    negated = inside.startswith("^")
    escaped = (inside[negated:]).replace("[", r"\[").replace("&", r"\&").replace("~", r"\~").replace("|", r"\|")
    return f"(?!/)[{'^' * negated}{escaped}]"


NON_PYTHON_FILES: Matcher = ~FilePatternMatcher("**/*.py")
