"""Local files in an image: as a layer, or attached when a container starts (semantics 5.10). Never imported in
containers.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import InvalidError
from ..manifest.schema import TreeMount
from .ignore import ignored
from .layer import Layer, copied
from .needs import LocalFiles, Resolver

PYTHON_HOME = "/root"


@dataclass(frozen=True, slots=True)
class Attached:
    """A file or folder of this machine that is `target` in the container."""

    target: str
    files: LocalFiles


def file(local_path: object, remote_path: object) -> Attached:
    """A file at `remote_path`, or in it if that ends with `/`. Raises InvalidError for no file, or no absolute path."""
    local = _local("add_local_file", local_path)
    if not local.is_file():
        raise InvalidError(f"`add_local_file`: {local} is not a file.")
    remote = str(remote_path)
    place = _remote("add_local_file", f"{remote}{local.name}" if remote.endswith("/") else remote)
    return Attached(str(place), LocalFiles(local))


def folder(local_path: object, remote_path: object, ignore: object) -> Attached:
    """A folder without what is ignored. Raises InvalidError for what is not a folder, or not absolute."""
    local = _local("add_local_dir", local_path)
    if not local.is_dir():
        raise InvalidError(f"`add_local_dir`: {local} is not a folder.")
    return Attached(str(_remote("add_local_dir", str(remote_path))), LocalFiles(local, ignored(ignore)))


def python_source(modules: Sequence[object], ignore: object) -> tuple[Attached, ...]:
    """Importable packages and modules of this machine, below /root. Raises InvalidError for what can't be found."""
    if not modules:
        raise InvalidError("`add_local_python_source` needs the name of at least one module.")
    return tuple(_module(name, ignore) for name in modules)


def layer_of(method: str, attached: Sequence[Attached]) -> Layer:
    """The same as a layer of the image."""
    lines, contexts = [], []
    for number, each in enumerate(attached):
        place = PurePosixPath(each.target)
        folder, name = (place.parent, place.name) if each.files.local.is_file() else (place, "")
        # All of a tree, and never a file by its name: COPY would read that as a pattern.
        lines.append(f"COPY --from=context{number} {json.dumps(['/', _word(f'{folder}/')])}")
        contexts.append(copied({name: each.files}))
    return Layer(method, tuple(lines), tuple(contexts))


def mounts(attached: Iterable[Attached], resolver: Resolver) -> tuple[TreeMount, ...]:
    """Sorted by their place in the container. Of two in one place the later wins."""
    places = {each.target: each.files for each in attached}
    return tuple(TreeMount(place, resolver.tree({"": places[place]})) for place in sorted(places))


def _word(text: str) -> str:
    """As COPY reads it, which looks for variables and quotes in its JSON form too."""
    return re.sub(r"([$\\'\"])", r"\\\1", text)


def _local(method: str, path: object) -> Path:
    if not isinstance(path, str | Path):
        raise InvalidError(f"`{method}` takes a path on this machine, not {path!r}.")
    local = Path(path).expanduser().absolute()
    if not local.exists():
        raise InvalidError(f"`{method}`: there is no {local}.")
    return local


def _remote(method: str, path: str) -> PurePosixPath:
    place = PurePosixPath(path)
    if not place.is_absolute() or ".." in place.parts or place == PurePosixPath("/"):
        raise InvalidError(f"`{method}` needs an absolute path in the container, without '..' and not '/', not {path!r}.")
    return place


def _module(name: object, ignore: object) -> Attached:
    if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
        raise InvalidError(f"`add_local_python_source`: {name!r} is not the name of a module.")
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise InvalidError(f"`add_local_python_source`: there is no module {name!r} here; check sys.path and its spelling.")
    *parents, last = name.split(".")
    above = "/".join([PYTHON_HOME, *parents])
    if spec.submodule_search_locations:
        local = Path(next(iter(spec.submodule_search_locations)))
        return Attached(f"{above}/{last}", LocalFiles(local, ignored(ignore)))
    if not spec.origin or not spec.origin.endswith(".py"):
        raise InvalidError(
            f"`add_local_python_source`: {name} has no Python source ({spec.origin or 'built in'}); install it."
        )
    return Attached(f"{above}/{last}.py", LocalFiles(Path(spec.origin)))
