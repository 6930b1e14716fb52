"""Local files in an image: as a layer, or attached when a container starts (semantics 5.10). Never imported in
containers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import InvalidError
from ..manifest.schema import TreeMount
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
    return Attached(str(_remote("add_local_dir", str(remote_path))), LocalFiles(local, matcher(ignore)))


def python_source(modules: Sequence[object], ignore: object) -> tuple[Attached, ...]:
    """Importable packages and modules of this machine, below /root. Raises InvalidError for what can't be found."""
    if not modules:
        raise InvalidError("`add_local_python_source` needs the name of at least one module.")
    return tuple(_module(name, ignore) for name in modules)


def matcher(ignore: object) -> Callable[[Path], bool] | None:
    """What is left out: patterns as in .dockerignore, or a function that is asked for each path; None for nothing."""
    from ..file_pattern_matcher import FilePatternMatcher

    if callable(ignore):
        return ignore
    if isinstance(ignore, str) or not isinstance(ignore, Iterable):
        raise InvalidError(f"`ignore` must be a list of patterns or a function of a path, not {ignore!r}.")
    patterns = tuple(str(pattern) for pattern in ignore)
    return FilePatternMatcher(*patterns) if patterns else None


def layer_of(method: str, attached: Sequence[Attached]) -> Layer:
    """The same as a layer of the image."""
    lines, contexts = [], []
    for number, each in enumerate(attached):
        name = PurePosixPath(each.target).name if each.files.local.is_file() else ""
        lines.append(f"COPY --from=context{number} /{name} {each.target}{'' if name else '/'}")
        contexts.append(copied({name: each.files}))
    return Layer(method, tuple(lines), tuple(contexts))


def mounts(attached: Iterable[Attached], resolver: Resolver) -> tuple[TreeMount, ...]:
    """Sorted by their place in the container. Of two in one place the later wins."""
    places = {each.target: each.files for each in attached}
    return tuple(TreeMount(place, resolver.tree({"": places[place]})) for place in sorted(places))


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
        return Attached(f"{above}/{last}", LocalFiles(local, matcher(ignore)))
    if not spec.origin or not spec.origin.endswith(".py"):
        raise InvalidError(
            f"`add_local_python_source`: {name} has no Python source ({spec.origin or 'built in'}); install it."
        )
    return Attached(f"{above}/{last}.py", LocalFiles(Path(spec.origin)))
