"""A tree of uploaded files as a value, and as the bytes that name it: a tree is itself a blob, and its digest is theirs.

Owns what a tree can be. Every path stays below its folder, nothing is in two places, and no link can lead out: `..` stands
only at the beginning of a link's target, where all folders are real ones. Knows no disk and nobody's ignore patterns.

    {"entries": [["dir", path], ["exec" | "file", path, sha256, size], ["link", path, target], …], "tree": 1}

Entries are sorted by path, and `dir` is a folder with nothing in it. A tree whose only entry has an empty path is that file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple

from ..errors import InvalidError
from .paths import clashes, not_plainly_fine, relative_problem

VERSION = 1
ENTRIES_MAX = 200_000
BYTES_MAX = 64 * 1024**2  # of the tree itself, not of its files

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE, _LINK, _FOLDER = (str, str, str, int), (str, str, str), (str, str)


class File(NamedTuple):
    path: str
    digest: str  # sha256, hex
    size_bytes: int
    executable: bool = False


class Link(NamedTuple):
    """`target` is relative to the link's folder, as in `../lib/a.so`."""

    path: str
    target: str


class Folder(NamedTuple):
    """One with nothing in it."""

    path: str


Entry = File | Link | Folder


@dataclass(frozen=True)
class Tree:
    """Files, links and empty folders, sorted by path. Make one by `of` or `loads`, which see to it that it is legal."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Tree:
        """Raises InvalidError, in one line, for entries that no tree can have."""
        tree = cls(tuple(sorted(entries, key=lambda entry: entry.path)))
        for problem in problems(tree):
            raise InvalidError(problem)
        return tree

    @property
    def files(self) -> Iterator[File]:
        return (entry for entry in self.entries if isinstance(entry, File))

    @cached_property
    def blobs(self) -> dict[str, File]:
        """A file for each content, by its digest."""
        return {file.digest: file for file in self.files}

    @property
    def single(self) -> File | None:
        """The file that it is, where it is one and no folder."""
        first = self.entries[0] if len(self.entries) == 1 else None
        return first if isinstance(first, File) and not first.path else None

    @cached_property
    def tops(self) -> frozenset[str]:
        """The names in its root."""
        return frozenset(entry.path.partition("/")[0] for entry in self.entries)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @cached_property
    def content(self) -> bytes:
        """Its canonical bytes. Raises InvalidError for a text that UTF-8 can't carry."""
        text = f'{{"entries":[{",".join(map(_text, self.entries))}],"tree":{VERSION}}}'
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise InvalidError(f"A tree can't hold {text[error.start]!r}, which UTF-8 can't carry.") from None

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def __bool__(self) -> bool:
        return bool(self.entries)


def loads(content: bytes) -> Tree:
    """The tree that these bytes are. Raises InvalidError naming what is wrong, also where they are not canonical."""
    if len(content) > BYTES_MAX:
        raise InvalidError(f"A tree may have at most {BYTES_MAX} bytes, not {len(content)}.")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidError("This is not a tree of files: it is not JSON.") from None
    if not isinstance(document, dict) or set(document) != {"entries", "tree"} or not isinstance(document["entries"], list):
        raise InvalidError("This is not a tree of files: it must have `entries` and `tree`, and nothing else.")
    if type(document["tree"]) is not int or document["tree"] != VERSION:
        raise InvalidError(f"This tree has the form {document['tree']!r}, and this homeport reads {VERSION}.")
    tree = Tree(tuple(map(_entry, document["entries"])))
    for problem in problems(tree):
        raise InvalidError(problem)
    if tree.content != content:
        raise InvalidError("This tree of files is not in its canonical form.")
    return tree


def problems(tree: Tree) -> Iterator[str]:
    """What is wrong with it, as sentences; nothing when it is legal."""
    if len(tree.entries) > ENTRIES_MAX:
        yield f"A tree may have at most {ENTRIES_MAX} files, not {len(tree.entries)}."
        return
    paths = [entry.path for entry in tree.entries]
    if paths != sorted(paths):
        yield "The files of a tree must be sorted by path."
    if not tree.single:
        odd = not_plainly_fine(paths)
        yield from (f"The file {path!r} {words}." for path in odd if (words := _path_problem(path)))
        yield from (f"The file {path!r} is listed twice, or is also a folder." for path in clashes(paths))
    sizes: dict[str, int] = {}
    for entry in tree.entries:
        if isinstance(entry, File):
            if sizes.setdefault(entry.digest, entry.size_bytes) != entry.size_bytes or entry.size_bytes < 0:
                yield f"The file {entry.path!r} has a size that can't be: {entry.size_bytes} bytes."
        elif isinstance(entry, Link) and (problem := link_problem(entry)):
            yield f"The link {entry.path!r} {problem}."
    digest = next((digest for digest in sizes if not _SHA256.fullmatch(digest)), None)
    if digest is not None:
        yield f"The file {tree.blobs[digest].path!r} has the digest {digest!r}, which is not a sha256 in hex."


def link_problem(link: Link) -> str | None:
    """None, or what is wrong with the target. One that passes can't lead out, whatever other links it goes through."""
    if link.target == ".":
        return None
    parts = link.target.split("/")
    up = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    if link.target.startswith("/"):
        return "has an absolute target; it must be relative"
    if up > link.path.count("/"):
        return "leads out of its tree"
    problem = relative_problem("/".join(parts[up:])) if parts[up:] else None
    return problem and f"has a target that {problem}"


def _path_problem(path: str) -> str | None:
    problem = relative_problem(path)
    return problem and problem.partition(";")[0]


def _text(entry: Entry) -> str:
    """What `json.dumps` makes of it, in a third of the time."""
    if isinstance(entry, File):
        kind = "exec" if entry.executable else "file"
        return f'["{kind}",{_quoted(entry.path)},{_quoted(entry.digest)},{entry.size_bytes}]'
    return f'["{"link" if isinstance(entry, Link) else "dir"}",{",".join(map(_quoted, entry))}]'


def _entry(item: Any) -> Entry:
    """From its JSON, field by field: there are thousands of them, and a general reader would take most of the time."""
    kinds = tuple(map(type, item)) if type(item) is list else ()
    if kinds == _FILE and item[0] in ("file", "exec"):
        return File(item[1], item[2], item[3], item[0] == "exec")
    if kinds == _LINK and item[0] == "link":
        return Link(item[1], item[2])
    if kinds == _FOLDER and item[0] == "dir":
        return Folder(item[1])
    raise InvalidError(f"This is no file of a tree: {repr(item)[:80]}.")
