"""What every `Image` is: an immutable chain of a base and layers, and local files that are attached at the end.

Owns the value, how it becomes part of a manifest, and the rule that nothing is built on attached files. Which layers there
are is for `image_packages` and `image_steps`. Runs in containers too, where the image is a fact and a chain stays empty.
"""

from __future__ import annotations

from .remote import is_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, Self

    from ..manifest.schema import ImageRecipe, TreeMount
    from .layer import Layer
    from .local import Attached
    from .needs import Resolver
    from .secret import Secret

AFTER_ATTACHED = (
    "`{method}` is a build step, and this image has local files that are attached when a container starts "
    "(`add_local_…`), which are not there yet while it is built. Put `add_local_…` last, or give it `copy=True`."
)


class Base:
    """Where a chain begins. `secret` is a registry's."""

    __slots__ = ("add_python", "force", "kind", "python_version", "reference", "secret")

    def __init__(  # noqa: PLR0913 - a record
        self,
        kind: str,
        *,
        python_version: str = "",
        reference: str = "",
        secret: Secret | None = None,
        add_python: str = "",
        force: bool = False,
    ) -> None:
        self.kind, self.python_version, self.reference = kind, python_version, reference
        self.secret, self.add_python, self.force = secret, add_python, force

    def key(self) -> tuple[object, ...]:
        return self.kind, self.python_version, self.reference, self.secret, self.add_python, self.force

    def recipe(self, resolver: Resolver) -> ImageRecipe:
        from ..manifest.schema import ImageRecipe

        secret = self.secret._ref(resolver) if self.secret is not None else None
        plain = ImageRecipe()
        return ImageRecipe(
            base=self.kind,
            python_version=self.python_version or plain.python_version,
            reference=self.reference,
            registry_secret=secret,
            add_python=self.add_python,
            cache=_cache_choice(forced=self.force),
        )


class Chain:
    """Two chains of one definition are equal."""

    __slots__ = ("_attached", "_base", "_failed_imports", "_layers")
    _failed_imports: list[ImportError]  # inside a container; no part of the value
    _base: Base
    _layers: tuple[Layer, ...]
    _attached: tuple[Attached, ...]

    def __init__(self) -> None:
        from ..errors import InvalidError

        raise InvalidError("Make an image by `Image.debian_slim()` or another of its class methods, not by `Image()`.")

    @classmethod
    def _of(cls, base: Base, layers: tuple[Layer, ...] = (), attached: tuple[Attached, ...] = ()) -> Self:
        made = object.__new__(cls)
        for name, value in (("_base", base), ("_layers", layers), ("_attached", attached), ("_failed_imports", [])):
            object.__setattr__(made, name, value)
        return made

    def _add(self, make: Callable[[], Layer]) -> Self:
        """One more layer. Raises what `make` raises, and InvalidError after attached files."""
        if not is_local():
            return self._of(self._base)  # another image, though nothing of it is left to tell
        layer = make()
        if self._attached:
            from ..errors import InvalidError

            raise InvalidError(AFTER_ATTACHED.format(method=layer.method))
        return self._of(self._base, (*self._layers, layer))

    def _attach(self, make: Callable[[], tuple[Attached, ...]]) -> Self:
        return self._of(self._base, self._layers, (*self._attached, *make()) if is_local() else ())

    def _recipe(self, resolver: Resolver) -> ImageRecipe:
        """Its definition, for the manifest. Raises what the resolver raises, and InvalidError for a missing file."""
        from dataclasses import replace

        return replace(self._base.recipe(resolver), steps=tuple(layer.step(resolver) for layer in self._layers))

    def _mounts(self, resolver: Resolver) -> tuple[TreeMount, ...]:
        """The local files that are no layers, for the manifest. Raises what the resolver raises."""
        from .local import mounts

        return mounts(self._attached, resolver)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"An Image can't be changed; make another one instead of setting {name!r}.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Image.{self._base.kind}({self._base.python_version or self._base.reference!r}, {len(self._layers)} layers)"

    def _key(self) -> tuple[object, ...]:
        return self._base.key(), self._layers, self._attached


def _cache_choice(*, forced: bool) -> str:
    """semantics 5.13; the names with HOMEPORT go first."""
    import os

    for name, choice in (("FORCE_BUILD", "force"), ("IGNORE_CACHE", "ignore")):
        if (os.environ.get(f"HOMEPORT_{name}") or os.environ.get(f"MODAL_{name}", "")) in ("1", "true", "True"):
            return choice
    return "force" if forced else ""
