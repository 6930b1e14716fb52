"""What a deployment would change, field by field: two manifests in, differences out. Pure; asks nobody anything.

There is a difference if and only if the manifests have different digests, so a plan without changes is a no-op deploy.
Values of environment variables are never told, wherever they are written: a plan ends up in logs and pull requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any

from ..core.model import ServiceSpec
from ..manifest.schema import AppManifest, ImageStep, SecretRef, TreeMount, VolumeMount
from ..manifest.tree import Entry, File, Link, Tree

HIDDEN = "…"
_HAVE_VALUES = ("ENV", "ARG", "LABEL")  # steps of an image that may carry what nobody else should read


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    REORDERED = "reordered"  # the same entries in another order, where only their order differs


@dataclass(frozen=True, slots=True)
class Change:
    """One field that would differ: its place (`servers.web.resources.cpu_milli`) and, where it may be told, what it was
    and would be: a number, text, true or false, or a list of these. None where there is nothing, or where it is hidden.
    """

    path: str
    kind: Kind
    before: object = None
    after: object = None


Show = Callable[[Any], object]
Compare = Callable[[str, Any, Any], Iterator[Change]]


class _TreeDigest(str):
    """Where there is a whole tree to be looked into."""


def diff(before: AppManifest, after: AppManifest, trees: Mapping[str, Tree]) -> tuple[Change, ...]:
    """What leads from one manifest to the other; empty if and only if they are equal, and so have one digest.

    trees: by digest, those of both that can be had.
    """
    return tuple(found for change in _fields("", before, after) for found in _looked_into(change, trees))


def route_changes(before: Iterable[ServiceSpec], after: Iterable[ServiceSpec]) -> tuple[Change, ...]:
    """Hosts that would answer no more, or from then on; each with the Server behind it."""
    old, new = ({spec.host: f"Server {spec.name}" for spec in specs} for specs in (before, after))
    return tuple(_entries("routes", old, new, lambda server: server))


def _fields(place: str, before: Any, after: Any) -> Iterator[Change]:
    for field in fields(before):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old != new:
            path = f"{place}.{field.name}" if place else field.name
            yield from _COMPARE.get(field.name, _value)(path, old, new)


def _value(path: str, old: Any, new: Any) -> Iterator[Change]:
    if is_dataclass(old) and is_dataclass(new):
        yield from _fields(path, old, new)
    elif is_dataclass(old):
        yield Change(path, Kind.REMOVED)
    elif is_dataclass(new):
        yield Change(path, Kind.ADDED)
    else:
        yield Change(path, Kind.CHANGED, _plain(old), _plain(new))


def _servers(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    yield from _named(path, old, new, lambda server: server.name, None)


def _source(path: str, old: str, new: str) -> Iterator[Change]:
    yield Change("files", Kind.CHANGED, _TreeDigest(old), _TreeDigest(new))


def _pairs(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    yield from _named(path, old, new, lambda pair: pair[0], lambda pair: pair[1])


def _keys(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    """Pairs whose values are nobody's business."""
    yield from _named(path, old, new, lambda pair: pair[0], lambda _: None)


def _secrets(path: str, old: Sequence[SecretRef], new: Sequence[SecretRef]) -> Iterator[Change]:
    yield from _named(path, old, new, lambda secret: secret.name or secret.secret_id, lambda secret: secret.secret_id)


def _volumes(path: str, old: Sequence[VolumeMount], new: Sequence[VolumeMount]) -> Iterator[Change]:
    yield from _named(path, old, new, lambda mount: mount.path, _volume)


def _mounts(path: str, old: Sequence[TreeMount], new: Sequence[TreeMount]) -> Iterator[Change]:
    before, after = (_by_target(mounts) for mounts in (old, new))
    yield from _entries(path, before, after, lambda mount: _TreeDigest(mount.tree))


def _steps(path: str, old: Sequence[ImageStep], new: Sequence[ImageStep]) -> Iterator[Change]:
    """By position: from the first step that differs on, every layer is built again."""
    yield from _entries(path, dict(enumerate(old)), dict(enumerate(new)), _step)


def _named(
    path: str, old: Sequence[Any], new: Sequence[Any], name: Callable[[Any], str], show: Show | None
) -> Iterator[Change]:  # fmt: skip
    """Entries that have a name, compared by it. `show` None: an entry that changed is looked into."""
    before, after = ({name(entry): entry for entry in entries} for entries in (old, new))
    if len(before) != len(old) or len(after) != len(new):  # a name given twice: no valid manifest, told as a whole
        yield Change(path, Kind.CHANGED)
        return
    if before == after:
        yield Change(path, Kind.REORDERED, list(before), list(after))
        return
    yield from _entries(path, before, after, show)


def _entries(path: str, old: Mapping[Any, Any], new: Mapping[Any, Any], show: Show | None) -> Iterator[Change]:
    tell = show or (lambda _: None)
    for key in sorted(old.keys() | new.keys()):
        place = f"{path}.{key}"
        if key not in new:
            yield Change(place, Kind.REMOVED, before=tell(old[key]))
        elif key not in old:
            yield Change(place, Kind.ADDED, after=tell(new[key]))
        elif old[key] != new[key] and show is None:
            yield from _fields(place, old[key], new[key])
        elif old[key] != new[key]:
            yield Change(place, Kind.CHANGED, tell(old[key]), tell(new[key]))


def _by_target(mounts: Sequence[TreeMount]) -> dict[str, TreeMount]:
    """The second one at a target is `target#2`."""
    found: dict[str, TreeMount] = {}
    for mount in mounts:
        count = sum(other.target == mount.target for other in found.values())
        found[f"{mount.target}#{count + 1}" if count else mount.target] = mount
    return found


def _looked_into(change: Change, trees: Mapping[str, Tree]) -> Iterator[Change]:
    """Each file of a tree that changed, and in one line a tree that came or went."""
    old, new = change.before, change.after
    if not isinstance(old, _TreeDigest) and not isinstance(new, _TreeDigest):
        yield change
        return
    before, after = (Tree() if digest == "" else trees.get(str(digest)) for digest in (old, new))
    if change.kind is Kind.CHANGED and before is not None and after is not None:
        files = [{entry.path: entry for entry in tree.entries} for tree in (before, after)]
        yield from _entries(change.path, files[0], files[1], _file)
    else:
        yield Change(change.path, change.kind, _tree(old, before), _tree(new, after))


def _tree(digest: object, tree: Tree | None) -> str | None:
    if digest is None:
        return None
    said = f" ({len(list(tree.files))} files, {tree.size_bytes} bytes)" if tree else ""
    return f"{str(digest)[:12]}{said}"


def _file(entry: Entry) -> str:
    if isinstance(entry, File):
        return f"{entry.digest[:12]} ({entry.size_bytes} bytes{', executable' if entry.executable else ''})"
    return f"link to {entry.target}" if isinstance(entry, Link) else "empty folder"


def _volume(mount: VolumeMount) -> str:
    below = f":{mount.sub_path}" if mount.sub_path else ""
    return f"{mount.name or mount.volume_id}{below}{' (read-only)' if mount.read_only else ''}"


def _step(step: ImageStep) -> str:
    return "; ".join(_line(line) for line in step.lines) or step.method


def _line(line: str) -> str:
    word, _, rest = line.strip().partition(" ")
    if word.upper() not in _HAVE_VALUES:
        return line
    return f"{word} {rest.strip().partition('=')[0].partition(' ')[0]}={HIDDEN}"


def _plain(value: object) -> object:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


_COMPARE: Mapping[str, Compare] = {
    "servers": _servers,
    "source": _source,
    "tags": _pairs,
    "volumes": _volumes,
    "experimental_options": _pairs,
    "env": _keys,
    "secrets": _secrets,
    "mounts": _mounts,
    "steps": _steps,
}
