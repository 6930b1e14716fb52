"""`Image`: an immutable value that says how a container's file system is made. Builds nothing; runs in containers too."""

from __future__ import annotations

from .remote import is_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ..manifest.schema import ImageRecipe, ImageStep, TreeMount
    from .needs import Resolver


class Image:
    """Made by one of its class methods, `Image.debian_slim()`; never by calling it. Two images of one recipe are equal."""

    __slots__ = ("_base", "_python_version", "_steps")
    _base: str
    _python_version: str
    _steps: tuple[ImageStep, ...]

    def __init__(self) -> None:
        from ..errors import InvalidError

        raise InvalidError("Make an image by `Image.debian_slim()`, not by `Image()`.")

    @classmethod
    def debian_slim(cls, python_version: str | None = None) -> Image:
        """A small Debian with Python and pip.

        python_version: "3.11" or "3.11.2"; the series of the Python that runs this, when left out.
        Raises InvalidError for anything else.
        """
        # Inside a container the image is a fact, and its definition is not needed any more.
        version = _checked_version(python_version) if is_local() else ""
        return cls._of("debian_slim", version, ())

    @classmethod
    def _of(cls, base: str, python_version: str, steps: tuple[ImageStep, ...]) -> Image:
        made = object.__new__(cls)
        for name, value in (("_base", base), ("_python_version", python_version), ("_steps", steps)):
            object.__setattr__(made, name, value)
        return made

    def _recipe(self, resolver: Resolver) -> ImageRecipe:
        """Its definition, for the manifest. Raises what the resolver raises."""
        from ..manifest.schema import ImageRecipe

        return ImageRecipe(base=self._base, python_version=self._python_version, steps=self._steps)

    def _mounts(self, resolver: Resolver) -> tuple[TreeMount, ...]:
        """The local files that are no layers, for the manifest. Raises what the resolver raises."""
        return ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"An Image can't be changed; make another one instead of setting {name!r}.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Image.{self._base}(python_version={self._python_version!r})"

    def _key(self) -> tuple[str, str, tuple[ImageStep, ...]]:
        return self._base, self._python_version, self._steps


def _checked_version(given: object) -> str:
    import re
    import sys

    from ..errors import InvalidError

    if given is None:
        return f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not isinstance(given, str):
        raise InvalidError(f"`python_version` must be text such as '3.11', not {given!r} (as a number, 3.10 would be 3.1).")
    if not re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", given, re.ASCII):
        raise InvalidError(f"`python_version` must look like '3.11' or '3.11.2', not {given!r}.")
    return given
