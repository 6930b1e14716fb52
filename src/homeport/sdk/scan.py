"""What lies in a local file or folder and belongs to it: files, links, empty folders. Looks, and reads no file.

Links that stay inside are kept as links, in the shortest form of where they lead. What a link shows that leaves the folder,
or leads to something left out, differs from machine to machine: a folder there is refused, and a file too if `inside`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import ConflictError, Error, InvalidError
from ..manifest.tree import Folder, Link

Ignored = Callable[[str, bool], bool]


class Found(NamedTuple):
    """A file. `status` is of the file itself, also where a link leads to it."""

    local: str
    path: str
    status: os.stat_result


@dataclass(slots=True)
class Scan:
    """All that was found, paths being those in the tree."""

    files: list[Found] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rules:
    """ignored: whether a path relative to the folder, of a folder if so, is left out; that of a folder with all in it.

    inside: whether links to files elsewhere are refused. during: what a file that goes away meanwhile was gone during, as
    in `the deploy`.
    """

    ignored: Ignored
    inside: bool = False
    during: str = "the deploy"


def scan(local: Path, path: str, rules: Rules) -> Scan:
    """What is in `local`, to be at `path` in a tree (empty: its root). One that is a link itself is followed.

    Raises InvalidError naming what can't be sent, ConflictError for what goes away meanwhile.
    """
    walk = _Walk(os.path.realpath(local), path, rules)
    if not os.path.isdir(local):
        walk.found.files.append(walk.file(str(local), path))
        return walk.found
    walk.folder(str(local), "")
    walk.resolve_links()
    return walk.found


class ModifiedError(ConflictError):
    """A local file is not any more what it was when it was looked at."""

    code = "modified"


def modified(local: str, during: str) -> ModifiedError:
    """Semantics 5.14 where an image is built."""
    return ModifiedError(f"{local} was modified during {during}. Deploy again when it is left alone.")


def unreadable(local: str, error: OSError, during: str) -> Error:
    if isinstance(error, FileNotFoundError):
        return modified(local, during)
    return InvalidError(f"{local} can't be read: {error.strerror}. Make it readable, or move it elsewhere.")


class _Walk:
    def __init__(self, top: str, path: str, rules: Rules) -> None:
        self.found = Scan()
        self._top = top
        self._path = path
        self._rules = rules
        self._links: list[tuple[str, str]] = []  # where they are here, and below the top
        self._below: set[str] = set()  # all that is sent, folders too, below the top

    def folder(self, local: str, below: str) -> None:
        try:
            with os.scandir(local) as inside:
                items = list(inside)
        except OSError as error:
            raise unreadable(local, error, self._rules.during) from None
        self._below.add(below)
        begin = f"{below}/" if below else ""
        place = f"{self._path}/{begin}" if self._path else begin
        if not items and self._place(below):
            self.found.folders.append(Folder(self._place(below)))
        ignored, files, below_top = self._rules.ignored, self.found.files, self._below
        for item in items:
            name = item.name
            path = begin + name
            is_folder = item.is_dir(follow_symlinks=False)
            if ignored(path, is_folder):
                continue
            if is_folder:
                self.folder(item.path, path)
            elif item.is_symlink():
                self._links.append((item.path, path))
            else:
                files.append(self.file(item.path, place + name, item))
                below_top.add(path)

    def file(self, local: str, path: str, item: os.DirEntry[str] | None = None) -> Found:
        if not (path or local).isascii():
            _check_name(path or local)
        try:
            status = item.stat(follow_symlinks=False) if item else os.stat(local)
        except OSError as error:
            raise unreadable(local, error, self._rules.during) from None
        if not stat.S_ISREG(status.st_mode):
            raise InvalidError(f"{local} is not a file that can be sent (a socket, pipe or device); move it elsewhere.")
        return Found(local, path, status)

    def resolve_links(self) -> None:
        for local, path in self._links:
            _check_name(path)
            real = where_it_leads(local)
            inside = real == self._top or real.startswith(f"{self._top.rstrip('/')}/")
            target = os.path.relpath(real, self._top) if inside else ""
            if inside and ("" if target == "." else target) in self._below:
                self.found.links.append(Link(self._place(path), os.path.relpath(target, os.path.dirname(path) or ".")))
            elif os.path.isdir(real) or (self._rules.inside and not inside):
                raise InvalidError(leads_out(local, real, self._top, inside=inside))
            else:
                self.found.files.append(self.file(local, self._place(path)))

    def _place(self, below: str) -> str:
        return f"{self._path}/{below}" if self._path and below else self._path or below


def where_it_leads(link: str) -> str:
    """Raises InvalidError for a link to nothing."""
    try:
        return os.path.realpath(link, strict=True)
    except OSError:
        raise InvalidError(f"{link} is a link to nothing; remove it, or make what it should show.") from None


def leads_out(link: str, real: str, top: str, *, inside: bool) -> str:
    if inside:
        return f"{link} is a link to {real}, which is left out; leave out the link as well, or put a copy there."
    return f"{link} is a link out of {top}, to {real}; put a copy there instead, or remove it."


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidError(
            f"{path.encode(errors='backslashreplace').decode()} has a name that is not UTF-8; rename it."
        ) from None
