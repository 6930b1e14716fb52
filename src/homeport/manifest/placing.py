"""Which uploaded trees an App needs, and where a container sees them. Pure: manifests and trees in, values out.

Trees that get in each other's way (one is at or below a folder of the other) are merged into one; all others stay as they
were uploaded, so that a change in one of them leaves the rest alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .schema import AppManifest, ImageRecipe, ServerSpec
from .tree import Entry, Folder, Tree

SOURCE_TARGET = "/root"


@dataclass(frozen=True, slots=True)
class Placement:
    """A tree, laid out as it is, and the absolute path in the container where its root is (empty: the container's own).

    single: it is there for the one file in it, and the folder around it is not meant.
    """

    target: str
    tree: Tree
    single: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """`path` of `tree`, seen at `target`. An empty path is all of it."""

    tree: Tree
    path: str
    target: str


Get = Callable[[str], Tree]


def running_trees(manifest: AppManifest) -> tuple[str, ...]:
    """Digests of the trees that its containers see, each once."""
    mounted = (mount.tree for server in manifest.servers for mount in server.mounts)
    return tuple(dict.fromkeys(digest for digest in (manifest.source, *mounted) if digest))


def building_trees(manifest: AppManifest) -> tuple[str, ...]:
    """Digests of the trees that its images are built with, each once."""
    return tuple(dict.fromkeys(digest for server in manifest.servers for digest in image_trees(server.image)))


def image_trees(recipe: ImageRecipe) -> tuple[str, ...]:
    """The same of one image; some may be there twice."""
    sources = (step.function.source for step in recipe.steps if step.function)
    return tuple(d for d in (*(tree for step in recipe.steps for tree in step.contexts), *sources) if d)


def placements(manifest: AppManifest, server: ServerSpec, get: Get) -> tuple[Placement, ...]:
    """What the containers of `server` see of uploaded trees, sorted by target; `get` answers the tree of a digest.

    Where two trees have something at one path, that of the later one in order of targets counts: of a folder within
    another one the deeper, and of everything the mounts before the App's source.
    """
    parts = [_named(mount.target, get(mount.tree)) for mount in server.mounts]
    if manifest.source:
        parts.insert(0, Placement(SOURCE_TARGET, get(manifest.source)))
    parts.sort(key=lambda part: part.target)  # is stable: the source stays first at its place
    return tuple(_merged(group) for group in _groups(parts))


def shown(placed: Sequence[Placement], is_folder: Callable[[str], bool]) -> Iterator[Shown]:
    """How to show them so that nothing of the image is hidden but files of the same name.

    is_folder: whether the image has a folder at an absolute path. What is a folder in both is gone through, and the rest
    is shown as a whole; also gone through is /root, and what another placement is below.
    """
    targets = [placement.target for placement in placed]

    def open_at(target: str) -> bool:
        below = any(other.startswith(f"{target}/") for other in targets)
        return target in ("", SOURCE_TARGET) or below or targets.count(target) > 1 or is_folder(target)

    for placement in placed:
        folders = _folders(placement.tree)
        todo = [""]
        while todo:
            path = todo.pop()
            target = f"{placement.target}/{path}".rstrip("/")
            if path in folders and (open_at(target) or (placement.single and not path)):
                todo += sorted(folders[path], reverse=True)
            else:
                yield Shown(placement.tree, path, target)


def _named(target: str, tree: Tree) -> Placement:
    """A tree that is a single file becomes the folder above with that file in it."""
    file = tree.single
    if file is None:
        return Placement(target, tree)
    folder, _, name = target.rpartition("/")
    return Placement(folder, Tree((file._replace(path=name),)), single=True)


def _groups(parts: Iterable[Placement]) -> list[list[Placement]]:
    """Those that get in each other's way together; the first of each is at or above the others."""
    groups: list[list[Placement]] = []
    for part in parts:
        touched = [group for group in groups if any(_collide(other, part) for other in group)]
        apart = [group for group in groups if not any(group is other for other in touched)]
        groups = [*apart, [*(member for group in touched for member in group), part]]
    return sorted(([*_in_order(group)] for group in groups), key=lambda group: group[0].target)


def _in_order(group: list[Placement]) -> list[Placement]:
    return sorted(group, key=lambda part: part.target)


def _collide(upper: Placement, lower: Placement) -> bool:
    """Whether `upper` has anything on the way to `lower`, whose target is not above that of `upper`."""
    if upper.target == lower.target:
        return not upper.tree.tops.isdisjoint(lower.tree.tops)
    if not lower.target.startswith(f"{upper.target}/"):
        return False
    return lower.target[len(upper.target) + 1 :].partition("/")[0] in upper.tree.tops


def _merged(group: list[Placement]) -> Placement:
    first, *rest = group
    if not rest:
        return first
    merge = _Merge()
    for part in group:
        below = part.target[len(first.target) + 1 :]
        if below and not part.tree:
            merge.put(Folder(below))
        for entry in part.tree.entries:
            merge.put(entry._replace(path=f"{below}/{entry.path}" if below else entry.path))
    return Placement(first.target, Tree.of(merge.entries()), all(part.single for part in group))


class _Merge:
    """Entries one after the other, of which the later ones win."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._folders: set[str] = set()  # that have, or had, something in them

    def put(self, entry: Entry) -> None:
        """A file goes away for a folder in its place, and a folder with all that is in it for a file."""
        above = set(_above(entry.path))
        for folder in above - self._folders:
            self._entries.pop(folder, None)
        self._folders |= above
        if entry.path in self._folders:
            if isinstance(entry, Folder):
                return
            inside = f"{entry.path}/"
            self._entries = {path: kept for path, kept in self._entries.items() if not path.startswith(inside)}
            self._folders = {path for path in self._folders if path != entry.path and not path.startswith(inside)}
        self._entries[entry.path] = entry

    def entries(self) -> Iterable[Entry]:
        return self._entries.values()


def _above(path: str) -> Iterator[str]:
    folder = path.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _folders(tree: Tree) -> Mapping[str, set[str]]:
    """The paths in each folder; the root's own is empty."""
    found: dict[str, set[str]] = {"": set()}
    found |= {entry.path: set() for entry in tree.entries if isinstance(entry, Folder)}
    for entry in tree.entries:
        path = entry.path
        while path:
            folder = path.rpartition("/")[0]
            below = found.setdefault(folder, set())
            if path in below:
                break
            below.add(path)
            path = folder
    return found
