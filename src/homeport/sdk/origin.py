"""Where a class comes from: how a container finds it again, and which source it needs. Reads `sys.modules`, no file.

It does not matter how the class was loaded (`homeport deploy hello.py`, `python hello.py`, an import): the same class in
the same file has the same origin, so that a second deploy of it changes nothing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType

from ..errors import InvalidError
from ..manifest.schema import Entry


@dataclass(frozen=True, slots=True, order=True)
class Root:
    """One file or package folder on this machine, and its path below `/root` in the container."""

    local: Path
    path: str


@dataclass(frozen=True, slots=True)
class Origin:
    entry: Entry
    root: Root


def of(defined: type | FunctionType) -> Origin:
    """The entry of a Server's class or a build function, and its source. Raises InvalidError if it is in no file."""
    module = sys.modules.get(defined.__module__)
    place = getattr(module, "__file__", None)  # what is typed in, or built in, has none
    file = Path(place).absolute() if place else None
    if module is None or file is None or file.suffix != ".py" or not file.exists():
        what = "Server class" if isinstance(defined, type) else "Function"
        raise InvalidError(f"{what} {defined.__name__} has no file that can be uploaded; define it in a .py file.")
    name = _real_name(module, file)
    if "." not in name and file.name != "__init__.py":
        return Origin(Entry(module=name, qualname=defined.__qualname__, path=file.name), Root(file, file.name))
    top = name.partition(".")[0]
    depth = name.count(".") + (1 if file.name == "__init__.py" else 0)
    # a.b in /x/a/b.py and in /x/a/b/__init__.py: as many steps up as the name has dots, one more for a package's own file
    folder = file.parents[depth] / top
    return Origin(Entry(module=name, qualname=defined.__qualname__), Root(folder, top))


def _real_name(module: ModuleType, file: Path) -> str:
    if module.__name__ != "__main__":
        return module.__name__
    # `python hello.py` has no spec; `python -m pkg.mod` has the module's, and `python -m pkg` that of pkg.__main__
    return module.__spec__.name if module.__spec__ is not None else file.stem
