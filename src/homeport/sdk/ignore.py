"""What users say is to be left out of local files, as the one function that `needs.LocalFiles` takes. Reads nothing yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import InvalidError
from ..file_pattern_matcher import FilePatternMatcher


def ignored(given: object) -> Callable[[Path], bool] | None:
    """given: patterns as in a `.dockerignore`, a function of a path that is relative to the folder, or None.

    Raises InvalidError for anything else, and for a pattern that can't be read.
    """
    if given is None:
        return None
    if callable(given):
        return given
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(item, str) for item in given):
        raise InvalidError(f"`ignore` must be a list of patterns or a function of a path, not {given!r}.")
    try:
        return FilePatternMatcher(*given)
    except ValueError as error:
        raise InvalidError(str(error)) from None


def of_dockerfile(dockerfile: Path, context: Path) -> FilePatternMatcher | None:
    """By the file that Docker would read: `<Dockerfile>.dockerignore` beside it, else `.dockerignore` of the context."""
    for file in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"):
        if file.is_file():
            return FilePatternMatcher.from_file(file)
    return None
