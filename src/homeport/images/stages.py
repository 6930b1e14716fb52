"""What FROM and COPY --from mean in a Dockerfile: an earlier stage, or an image of a registry, and nothing else. Pure.

buildah would also read images from files of this machine (`oci:`, `dir:`, …), as root; so variables are put in here, and
what it is shown has neither them nor a short name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from ..errors import InvalidError
from . import registry

SCRATCH = "scratch"
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+])([^${}]*))?\})")
_STAGE = re.compile(r"[a-z][a-z0-9._-]*")


class Stages:
    """Is told each instruction in order. build_args win over what ARG says."""

    def __init__(self, build_args: Iterable[tuple[str, str]] = ()) -> None:
        self._given = dict(build_args)
        architecture = registry.architecture()
        self._known = {"BUILDPLATFORM": f"linux/{architecture}", "BUILDARCH": architecture, "BUILDOS": "linux"}
        self._known |= {name.replace("BUILD", "TARGET"): value for name, value in self._known.items()}
        self._names: list[str] = []

    def argument(self, rest: str) -> None:
        """ARG; only those before the first FROM have a meaning in FROM."""
        for word in _words(rest) if not self._names else []:
            name, given, default = word.partition("=")
            if name in self._given:
                self._known[name] = self._given[name]
            elif given or name not in self._known:
                self._known[name] = self._filled(default)

    def begin(self, rest: str) -> str:
        """FROM, without its flags: full, and with its stage's name in small letters. Raises InvalidError."""
        image, *named = rest.split()
        found = self._stage(image) or self._image(image)
        name = named[1].lower() if len(named) == 2 and named[0].lower() == "as" else ""
        if named and not _STAGE.fullmatch(name):
            raise InvalidError(f"`FROM {rest}` is not FROM IMAGE AS NAME, with a name of letters, digits, `.`, `_` and `-`.")
        self._names.append(name)
        return f"{found} AS {name}" if name else found

    def source(self, value: str) -> str:
        """COPY --from. Raises InvalidError."""
        earlier = self._names[:-1]
        if value.isdecimal() and value.isascii() and int(value) < len(earlier):
            return str(int(value))
        if "$" in value:
            raise InvalidError(f"COPY --from={value}: a variable can't stand here; begin a stage with FROM {value} AS NAME.")
        return self._stage(value, earlier) or registry.full_reference(value)

    def platform(self, value: str) -> str:
        """FROM --platform. Raises InvalidError for another machine's."""
        found = self._filled(value)
        if found != f"linux/{registry.architecture()}":
            raise InvalidError(f"FROM --platform={found} can't be had: this machine is linux/{registry.architecture()}.")
        return found

    def _stage(self, image: str, among: list[str] | None = None) -> str:
        name = image.lower()
        return name if name in (self._names if among is None else among) and name else ""

    def _image(self, image: str) -> str:
        filled = self._filled(image)
        return self._stage(filled) or (SCRATCH if filled == SCRATCH else registry.full_reference(filled))

    def _filled(self, text: str) -> str:
        def value(found: re.Match[str]) -> str:
            name, mark, word = found[1] or found[2], found[3] or "", found[4] or ""
            is_set = bool(self._known.get(name)) if mark.startswith(":") else name in self._known
            if mark.endswith("+"):
                return word if is_set else ""
            if not is_set and not mark:
                raise InvalidError(f"`{text}` names ${name}, which no ARG before the first FROM sets.")
            return self._known[name] if is_set else word

        return _VARIABLE.sub(value, text)


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:
        raise InvalidError(f"`ARG {rest}` has a quote without its end.") from None
