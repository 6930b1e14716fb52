"""`Resolver`, for one deploy to one platform: asks it for ids, and remembers which trees have to be sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..client import secrets, volumes
from ..errors import InvalidError, NotFoundError
from .needs import LocalFiles

if TYPE_CHECKING:
    from ..client.calls import Calls


@dataclass(frozen=True)
class PlatformResolver:
    """environment: the App's. `dry_run` makes and keeps nothing on the platform: ids of what is not there yet are empty."""

    calls: Calls
    environment: str
    dry_run: bool = False

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
        raise InvalidError(f"Local files ({', '.join(str(f.local) for f in files.values())}) can't be sent yet.")
