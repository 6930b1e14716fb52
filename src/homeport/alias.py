"""Makes `import modal` mean homeport, wherever the real package is not installed (source compatibility).

Used while the CLI loads a user's file, and inside containers before the user's code runs. Standard library only, and
cheap: nothing is imported that a starting interpreter does not have already. Knows nothing of either package's content.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

ALIAS = "modal"
REAL = __name__.partition(".")[0]


def install() -> None:
    """From now on `modal`, and every `modal.x` that is a `homeport.x`, is that very module. Idempotent.

    A real `modal` package that can be found is left alone, as is one that was imported already.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def uninstall() -> None:
    """Takes back `install`, for imports to come; names that were imported stay what they are. Idempotent."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    for name in [name for name in sys.modules if name == ALIAS or name.startswith(ALIAS + ".")]:
        if sys.modules[name] is sys.modules.get(REAL + name[len(ALIAS) :]):
            del sys.modules[name]


class _Finder:
    """First in `sys.meta_path`: as the last one it would find `modal.exception` loaded a second time, from our folder."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == ALIAS:
            return None if _found_elsewhere(self, name) else _spec(name, REAL)
        if not name.startswith(ALIAS + ".") or sys.modules.get(ALIAS) is not sys.modules.get(REAL):
            return None
        real = REAL + name[len(ALIAS) :]
        return _spec(name, real) if real in sys.modules or _findable(self, real, path) else None


class _Loader:
    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # The import system reads sys.modules again after this call: what stands there is what the importer gets.
        name = module.__name__
        real = REAL + name[len(ALIAS) :]
        __import__(real)
        sys.modules[name] = sys.modules[real]


def _spec(name: str, real: str) -> ModuleSpec:
    return ModuleSpec(name, _Loader(), origin=real)  # type: ignore[arg-type]  # a loader by shape: its base class costs an import


def _found_elsewhere(own: _Finder, name: str) -> bool:
    """A package or module of that name. A bare folder (a namespace package, without origin) does not count."""
    for finder in sys.meta_path:
        if finder is not own:
            spec = finder.find_spec(name, None)
            if spec is not None and spec.origin is not None:
                return True
    return False


def _findable(own: _Finder, real: str, path: Sequence[str] | None) -> bool:
    return any(finder is not own and finder.find_spec(real, path) is not None for finder in sys.meta_path)
