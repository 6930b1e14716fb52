"""What users say is to be left out of local files, as the one function that `needs.LocalFiles` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import InvalidError
from ..file_pattern_matcher import FilePatternMatcher


def ignored(given: object) -> Callable[[Path], bool] | None:
    """given: patterns as in a `.dockerignore`, a function of a path that is relative to the folder, or None.

    Raises InvalidError for anything else, and for a pattern that can't be read.
    """
    if given is None or callable(given):
        return given
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(item, str) for item in given):
        raise InvalidError(f"`ignore` must be a list of patterns or a function of a path, not {given!r}.")
    try:
        return FilePatternMatcher(*given) if given else None
    except ValueError as error:
        raise InvalidError(f"`ignore`: {error}") from None


def of_dockerfile(dockerfile: Path | None, context: Path) -> FilePatternMatcher | None:
    """By the file that Docker would read: `<Dockerfile>.dockerignore` beside it, else `.dockerignore` of the context.

    Raises InvalidError naming the file that can't be read.
    """
    own = [dockerfile.with_name(f"{dockerfile.name}.dockerignore")] if dockerfile else []
    for file in (*own, context / ".dockerignore"):
        if file.is_file():
            matcher = FilePatternMatcher.from_file(file)
            try:
                matcher.can_prune_directories()  # reads it
            except (OSError, ValueError) as error:
                raise InvalidError(f"{file}: {error}") from None
            return matcher
    return None
