"""`Resolver`, for one deploy to one platform: asks it for ids, and remembers which trees have to be sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..client import secrets, volumes
from ..errors import NotFoundError
from . import trees
from .needs import LocalFiles
from .trees import LocalTree

if TYPE_CHECKING:
    from ..client.calls import Calls


@dataclass(frozen=True)
class PlatformResolver:
    """environment: the App's. `dry_run` makes and keeps nothing on the platform: ids of what is not there yet are empty."""

    calls: Calls
    environment: str
    dry_run: bool = False
    _trees: dict[tuple[object, ...], LocalTree] = field(default_factory=dict, init=False)

    def named_secret(self, name: str, environment: str | None, required_keys: tuple[str, ...]) -> str:
        return secrets.resolve(self.calls, name, environment or self.environment, required_keys)

    def value_secret(self, values: Mapping[str, str]) -> str:
        return secrets.keep_values(self.calls, values, self.environment, dry_run=self.dry_run)

    def volume(self, name: str, environment: str | None, create_if_missing: bool) -> str:
        make = create_if_missing and not self.dry_run
        try:
            return volumes.resolve(self.calls, name, environment or self.environment, create_if_missing=make)
        except NotFoundError:
            if create_if_missing:
                return ""
            raise

    def tree(self, files: Mapping[str, LocalFiles]) -> str:
        # one look at each folder: Servers with one image must not get two trees of files that change meanwhile
        asked = tuple((path, Path(f.local).absolute(), f.ignored) for path, f in sorted(files.items()))
        if asked not in self._trees:
            self._trees[asked] = trees.of(files)
        return self._trees[asked].tree.digest

    @property
    def trees(self) -> tuple[LocalTree, ...]:
        """All that were asked for."""
        return tuple(self._trees.values())
