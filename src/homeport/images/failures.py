"""How a build fails, in the words of semantics 5.19. Owns the exceptions inside this package and the texts for people."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Error, ImageBuildError, ResourceExhaustedError


class BuildFailed(Exception):
    """`lines`: what failed, and its last lines. remote: the last lines are the traceback of the user's own function."""

    def __init__(self, lines: Sequence[str], *, remote: bool = False) -> None:
        super().__init__(*lines)
        self.lines = tuple(lines)
        self.remote = remote


class DiskFull(BuildFailed):
    """Nothing of the build is kept."""


class TooSlow(BuildFailed):
    """A step took longer than it may."""


def as_error(failure: BuildFailed, name: str) -> Error:
    """name: the image's, `im-…`."""
    if isinstance(failure, DiskFull):
        return ResourceExhaustedError(
            f"Image build for {name} failed: the disk of this platform is full. "
            "Free some space (`homeport gc` helps) and try again."
        )
    hint = f"All that it said: `homeport image logs {name}`."
    if isinstance(failure, TooSlow):
        first = f"Image build for {name} timed out. Please try again with a larger `timeout` parameter."
    elif failure.remote:
        first = f"Image build for {name} failed with the exception:"
    else:
        first = f"Image build for {name} failed."
    return ImageBuildError("\n".join(["\n  ".join([first, *failure.lines]), hint]), name)


def shut_down(name: str) -> str:
    return f"Image build for {name} terminated due to external shut-down. Please try again."
