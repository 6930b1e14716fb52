"""Local files as trees to be sent: each tree as the value that the platform gets, and where its files lie here."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidError, NotFoundError
from ..manifest.tree import File, Tree
from . import hashes, scan
from .needs import LocalFiles
from .scan import Found, Ignored, Rules, Scan

DURING_BUILD = "build process"  # semantics 5.14


@dataclass(frozen=True, slots=True)
class LocalTree:
    """`files` has, for each content, a file here that has it. `during`: see `scan.Rules`."""

    tree: Tree
    files: Mapping[str, Found]
    during: str


def of(files: Mapping[str, LocalFiles]) -> LocalTree:
    """The tree that has each of `files` at its path (empty: they are the tree).

    Raises NotFoundError for what is not there, InvalidError for what can't be sent, ConflictError for a file that is
    written to meanwhile.
    """
    scans = []
    for path, wanted in sorted(files.items()):
        if not wanted.local.exists():
            raise NotFoundError(f"There is no local file or folder {wanted.local}.")
        rules = Rules(_ignored(wanted), during=DURING_BUILD)
        scans.append((wanted.local, scan.scan(wanted.local, path.strip("/"), rules)))
    return of_scans(scans, DURING_BUILD)


def of_scans(scans: Iterable[tuple[Path, Scan]], during: str) -> LocalTree:
    """From what was found in each local folder or file. Raises as `of`."""
    entries: list[File] = []
    local: dict[str, Found] = {}
    links, folders = [], []
    for folder, found in scans:
        for file, digest in zip(found.files, hashes.of_files(found.files, folder, during), strict=True):
            status = file.status
            entries.append(File(file.path, digest, status.st_size, bool(status.st_mode & stat.S_IXUSR)))
            local[digest] = file
        links += found.links
        folders += found.folders
    try:
        return LocalTree(Tree.of([*entries, *links, *folders]), local, during)
    except InvalidError as error:
        raise InvalidError(f"These local files can't be sent: {error.message}") from None


def _ignored(files: LocalFiles) -> Ignored:
    """A matcher of patterns may be asked of a folder, and what it says holds for all in it (unless it can take that back);
    a function of the user's is asked of files alone, as `lambda path: path.suffix != ".py"` expects.
    """
    ask = files.ignored
    if ask is None:
        return lambda path, is_folder: False

    def ignored(path: str, is_folder: bool) -> bool:
        try:
            prune = bool(getattr(ask, "can_prune_directories", lambda: False)())
            return (prune or not is_folder) and bool(ask(Path(path)))
        except Exception as error:  # it is the user's, or reads a file of theirs
            raise InvalidError(f"`ignore` failed for {files.local / path}: {type(error).__name__}: {error}") from error

    return ignored
