"""From an App to its manifest and the files that go with it: the only bridge out of the SDK's objects. Sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ExecutionError, InvalidError
from ..manifest import checks
from ..manifest.names import app_name_problem
from ..manifest.schema import AppManifest, ServerSpec
from ..manifest.tree import Tree
from . import origin, source
from .app import App
from .needs import Resolver
from .origin import Origin, Root
from .server import Server
from .trees import LocalTree

NO_NAME = "You need to either supply an explicit deployment name on the command line or have a name set on the App."


@dataclass(frozen=True, slots=True)
class LocalMount:
    """For people: what of this machine is seen where in the container."""

    local: str
    remote: str


@dataclass(frozen=True, slots=True)
class Collected:
    """source: None where nothing of the App's own is sent. folder: where it lies, for what version control knows of it."""

    manifest: AppManifest
    source: LocalTree | None
    mounts: tuple[LocalMount, ...]
    folder: Path


def collect(app: App, name: str | None, limit_bytes: int, resolver: Resolver) -> Collected:
    """The manifest of `app` as it is now, with its source read and hashed.

    name: goes before the App's own. limit_bytes: of all source together.
    Raises ExecutionError when there is no name at all (semantics 1.1.17), InvalidError for what can't be deployed, and
    what `source.tree_of` and the resolver raise.
    """
    name = name or app.name
    if not name:
        raise ExecutionError(NO_NAME)
    problem = app_name_problem(name)
    if problem:
        raise InvalidError(problem)
    if not app._servers:
        raise InvalidError(f"App {name!r} has nothing to deploy; put @app.server() on a class first.")
    specs, roots, folder = _servers(app, resolver)
    own = source.tree_of(roots, limit_bytes) if roots else None
    manifest = AppManifest(name, specs, own.tree.digest if own else "", tuple(sorted(app._tags.items())))
    problems = [*checks.problems(manifest), *checks.source_problems(manifest, own.tree if own else Tree())]
    if problems:
        raise InvalidError(" ".join(problems[:3]))
    return Collected(manifest, own, _mounts(app, roots), folder)


def _mounts(app: App, roots: list[Root]) -> tuple[LocalMount, ...]:
    """The App's own source, then what images bring of this machine's files, each once."""
    found = [LocalMount(str(root.local), f"/root/{root.path}") for root in roots]
    images = [server._options.image for _, server in sorted(app._servers.items()) if server._options is not None]
    found += [LocalMount(str(each.files.local), each.target) for image in images for each in image._attached]
    return tuple(dict.fromkeys(found))


def _servers(app: App, resolver: Resolver) -> tuple[tuple[ServerSpec, ...], list[Root], Path]:
    specs: list[ServerSpec] = []
    roots: dict[str, Root] = {}
    folder = Path.cwd()
    for _, server in sorted(app._servers.items()):
        spec, found, wanted = _server(server, resolver)
        specs.append(spec)
        folder = found.root.local.parent
        if wanted and roots.setdefault(found.root.path, found.root) != found.root:
            raise InvalidError(
                f"{roots[found.root.path].local} and {found.root.local} would both be /root/{found.root.path}; rename one."
            )
    return tuple(specs), [root for _, root in sorted(roots.items())], folder


def _server(server: Server, resolver: Resolver) -> tuple[ServerSpec, Origin, bool]:
    """Its spec with the entry filled in, where it comes from, and whether that source is uploaded (semantics 5.17)."""
    if server._user_cls is None or server._options is None:
        raise InvalidError(f"Server {server._name!r} is a handle to a deployed one; deploy the App that defines it.")
    found = origin.of(server._user_cls)
    spec = replace(server._options.resolved(resolver), entry=found.entry)
    if not server._options.include_source and not (spec.image.steps or spec.mounts):
        raise InvalidError(
            f"Server {spec.name!r} has `include_source=False`, and nothing in its image brings {found.root.path}; "
            "leave `include_source` out."
        )
    return spec, found, server._options.include_source
