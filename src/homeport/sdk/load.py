"""Loads the file or module that defines an App, as the CLI does, and finds the App in it.

Meanwhile `modal` means homeport, unless the real package is installed. Deploys nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from .. import alias
from ..errors import InvalidError, NotFoundError, UsageError
from .app import App
from .ref import AppRef, looks_like_module
from .user_code import UserCodeError, explain

__all__ = ["Loaded", "UserCodeError", "load"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """An App, the variable it is in, and the file that defines it."""

    app: App
    variable: str
    path: Path


def load(ref: AppRef, folder: Path | None = None) -> Loaded:
    """Runs the file or module that `ref` names, seen from `folder` (default: the current one), and finds its App.

    Raises NotFoundError when there is no such file, module or App; InvalidError when it is not Python, defines no App,
    or several and `ref` picks none; UsageError for a module without -m; UserCodeError when it raises.
    """
    folder = (folder or Path.cwd()).resolve()
    alias.install()
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # deploying leaves nothing in the user's folder
    try:
        module = _module(ref.place, folder) if ref.is_module else _file(ref.place, folder)
    finally:
        sys.dont_write_bytecode = wrote
        alias.uninstall()
    return _chosen(module, ref)


def _file(place: str, folder: Path) -> ModuleType:
    path = folder / Path(place).expanduser()
    _check_file(path, place)
    path = path.parent.resolve() / path.name  # a link keeps its name: that is what the container shows
    _search_first(path.parent)
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path, loader=_Fresh(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        _put_back(name, before)
        raise explain(error, place) from None
    return module


class _Fresh(SourceFileLoader):
    """Always reads the source: byte code passes for current when a file was changed within a second, to the same size."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _check_file(path: Path, place: str) -> None:
    if path.is_dir():
        raise InvalidError(f"{place} is a folder; name a file in it, or deploy it as a package by -m.")
    if not path.exists():
        if looks_like_module(place):
            raise UsageError(f"There is no file {place}; to deploy a module of that name, write `-m {place}`.")
        raise NotFoundError(f"There is no file {place} (looked in {path.parent}).")
    if path.suffix != ".py":
        raise InvalidError(f"{place} is not a Python file: its name must end in .py.")
    if "." in path.stem or path.stem in ("homeport", "modal"):
        raise InvalidError(f"{place} can't be loaded under that name; rename it to something without dots, as in my_app.py.")


def _module(name: str, folder: Path) -> ModuleType:
    _search_first(folder)
    before = set(sys.modules)
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        for loaded in set(sys.modules) - before:
            if loaded == name or loaded.startswith(name.partition(".")[0] + "."):
                del sys.modules[loaded]
        if isinstance(error, ModuleNotFoundError) and error.name and (name + ".").startswith(error.name + "."):
            raise NotFoundError(
                f"There is no module {error.name!r} (looked in {folder} and the installed packages)."
            ) from None
        raise explain(error, name) from None


def _search_first(folder: Path) -> None:
    """As Python does for a script: what lies beside it can be imported."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _put_back(name: str, before: ModuleType | None) -> None:
    if before is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = before


def _chosen(module: ModuleType, ref: AppRef) -> Loaded:
    path = Path(getattr(module, "__file__", None) or ref.place)
    apps = {name: value for name, value in vars(module).items() if isinstance(value, App)}
    if ref.variable is not None:
        if ref.variable in apps:
            return Loaded(apps[ref.variable], ref.variable, path)
        if hasattr(module, ref.variable):
            raise InvalidError(f"{ref.variable!r} in {ref.place} is not an App.")
        raise NotFoundError(f"{ref.place} has no App called {ref.variable!r}; it has {_listed(apps)}.")
    single = _not_included(apps)
    if not single:
        raise InvalidError(_no_app(module, ref))
    if len(single) > 1:
        first = next(iter(single))
        raise InvalidError(
            f"{ref.place} defines {len(single)} Apps: {', '.join(single)}. Pick one, as in {ref.place}::{first}."
        )
    name, app = next(iter(single.items()))
    return Loaded(app, name, path)


def _not_included(apps: dict[str, App]) -> dict[str, App]:
    """Each App once, without those that another one here took over: they are parts of it."""
    included = {id(part) for app in apps.values() for part in app._included}
    found: dict[int, str] = {}
    for name, app in apps.items():
        if id(app) not in included:
            found.setdefault(id(app), name)
    return {name: apps[name] for name in found.values()}


def _no_app(module: ModuleType, ref: AppRef) -> str:
    real = [name for name, value in vars(module).items() if type(value).__module__.partition(".")[0] == "modal"]
    if real or getattr(vars(module).get("modal"), "__name__", "") == "modal":
        return (
            f"{ref.place} uses the `modal` package that is installed here, not homeport. "
            "Write `import homeport as modal` in it, or uninstall modal."
        )
    return f"{ref.place} defines no App; write `app = homeport.App('my-app')` in it and put @app.server() on a class."


def _listed(apps: dict[str, App]) -> str:
    return ", ".join(apps) or "none"
