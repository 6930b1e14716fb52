"""What a definition asks of the platform before it can be a manifest: ids for names, places for values and files.

Owns the interface between SDK objects, which only remember what they were told, and whoever resolves them (`sdk.resolve`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """A file, or a folder without what `ignored` says of paths relative to it (`/` between parts)."""

    local: Path
    ignored: Callable[[Path], bool] | None = None


class Resolver(Protocol):
    """May do I/O. Answers the same for the same question during one deploy."""

    def named_secret(self, name: str, environment: str | None, required_keys: tuple[str, ...]) -> str:
        """Its id. Raises NotFoundError naming the Secret or the keys that it lacks."""
        ...

    def value_secret(self, values: Mapping[str, str]) -> str:
        """The id under which the platform keeps these values; equal values have one id."""
        ...

    def volume(self, name: str, environment: str | None, create_if_missing: bool) -> str:
        """Its id. Raises NotFoundError."""
        ...

    def tree(self, files: Mapping[str, LocalFiles]) -> str:
        """The digest of the tree that has each of `files` at its path in it (empty: the tree itself); sent with the deploy.

        Raises InvalidError or ConflictError naming the file that can't be sent.
        """
        ...
