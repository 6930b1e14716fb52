"""The values of Secrets, for a container that starts or a step of a build. The only way out for values.

Owns the order in which Secrets override each other (semantics 6.1.1), and the words for one that can't be had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import ExecutionError, NotFoundError
from ..manifest.schema import AppManifest, ImageRecipe, SecretRef
from ..store.secrets import SecretRow, SecretTable


@dataclass(frozen=True, slots=True)
class Vault:
    """From any thread. Both methods block for a few milliseconds, and raise OSError if the disk fails."""

    table: SecretTable

    def problem(self, refs: Iterable[SecretRef]) -> str | None:
        """What stands in the way of a container with these: a Secret that is not there, or lacks a key; or None."""
        wanted = list(dict.fromkeys(refs))
        found = self.table.by_id({ref.secret_id for ref in wanted}) if wanted else {}
        return next(filter(None, (_ref_problem(ref, found.get(ref.secret_id)) for ref in wanted)), None)

    def values(self, refs: Iterable[SecretRef]) -> dict[str, str]:
        """What these hold now, later ones before earlier ones (6.1.1). Blocks.

        Raises NotFoundError for one that is not there or lacks a key, ExecutionError for one that can't be decrypted, both
        naming it.
        """
        wanted = list(refs)
        if not wanted:
            return {}
        found = self.table.by_id({ref.secret_id for ref in wanted})
        merged: dict[str, str] = {}
        for ref in wanted:
            problem = _ref_problem(ref, found.get(ref.secret_id))
            if problem:
                raise NotFoundError(problem)
            try:
                merged |= self.table.values(found[ref.secret_id])
            except ExecutionError as error:
                raise ExecutionError(f"{_called(ref)} can't be read: {error.message}") from None
        return merged


def secrets_of(manifest: AppManifest) -> tuple[SecretRef, ...]:
    """Everything that a manifest names: for containers, for build steps, and for registries."""
    found = dict.fromkeys(ref for server in manifest.servers for ref in (*server.secrets, *secrets_of_image(server.image)))
    return tuple(found)


def secrets_of_image(recipe: ImageRecipe) -> tuple[SecretRef, ...]:
    of_steps = (ref for step in recipe.steps for ref in step.secrets)
    return (*of_steps, recipe.registry_secret) if recipe.registry_secret is not None else tuple(of_steps)


def _ref_problem(ref: SecretRef, row: SecretRow | None) -> str | None:
    if row is None:
        first = f"make it with `homeport secret create {ref.name} KEY=value`, and " if ref.name else ""
        return f"{_called(ref)} is not there (any more); {first}deploy the App again."
    lacking = [key for key in ref.required_keys if key not in row.keys]
    return lacks(ref.name, lacking) if lacking else None


def lacks(name: str, keys: Sequence[str]) -> str:
    these = ", ".join(keys)
    return (
        f"Secret {name!r} lacks the required key{'s' if keys[1:] else ''} {these}; "
        f"it has to be set before this can be deployed or started."
    )


def _called(ref: SecretRef) -> str:
    return f"Secret {ref.name!r}" if ref.name else "A Secret that was made from values"
