"""The files of a file or a package folder: which belong to it, how large they are, what they hash to. Sends nothing.

Left out: caches, version control, virtual environments and the like. Links are followed inside the folder; one that
leaves it is refused, because what it shows would differ from machine to machine.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConflictError, Error, InvalidError, ResourceExhaustedError
from ..manifest.schema import SourceFile
from .origin import Root

DEFAULT_LIMIT_MIB = 100
CHUNK_BYTES = 1024 * 1024

_FOLDERS_LEFT_OUT = frozenset((
    "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints",
    ".git", ".hg", ".svn", ".bzr", ".idea", ".vscode",
    ".venv", "venv", ".tox", ".nox", ".eggs", "node_modules",
))  # fmt: skip
_ENDS_LEFT_OUT = (".pyc", ".pyo", ".egg-info", ".swp", "~")
_FILES_LEFT_OUT = frozenset((".DS_Store", ".git"))


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to upload, and where it lies here."""

    local: Path
    file: SourceFile


@dataclass(frozen=True, slots=True)
class _Found:
    local: Path
    path: str
    size_bytes: int
    executable: bool


def limit_bytes(environ: Mapping[str, str]) -> int:
    """The most that one App's source may have: HOMEPORT_SOURCE_LIMIT_MIB. Raises InvalidError if that is no number."""
    text = environ.get("HOMEPORT_SOURCE_LIMIT_MIB") or str(DEFAULT_LIMIT_MIB)
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise InvalidError(f"HOMEPORT_SOURCE_LIMIT_MIB must be a whole number of MiB above 0, not {text!r}.")
    return int(text) * 1024 * 1024


def files_of(roots: Iterable[Root], limit: int) -> tuple[LocalFile, ...]:
    """All files of `roots`, hashed, sorted by their path in the container.

    limit: bytes in total. Raises ResourceExhaustedError above it, before anything is read; InvalidError for what can't
    be sent; ConflictError for a file that is written to meanwhile.
    """
    found = sorted((item for root in roots for item in _walk(root)), key=lambda item: item.path)
    total = sum(item.size_bytes for item in found)
    if total > limit:
        raise ResourceExhaustedError(_too_large(found, total, limit))
    return tuple(
        LocalFile(item.local, SourceFile(item.path, _digest(item), item.size_bytes, item.executable)) for item in found
    )


def chunks(source: LocalFile) -> Iterator[bytes]:
    """The content, a piece at a time. Raises ConflictError before the last piece if it is not what was hashed."""
    hasher, sent, held = hashlib.sha256(), 0, b""
    for piece in _pieces(source.local):
        hasher.update(piece)
        sent += len(piece)
        if sent > source.file.size_bytes:
            raise _modified(source.local)
        if held:
            yield held
        held = piece
    if hasher.hexdigest() != source.file.digest:
        raise _modified(source.local)
    if held:
        yield held


def _walk(root: Root) -> Iterator[_Found]:
    if root.local.is_file():
        yield _file(root.local, root.path)
        return
    real = root.local.resolve()
    yield from _walk_folder(root.local, root.path, (real,), real)


def _walk_folder(folder: Path, path: str, above: tuple[Path, ...], top: Path) -> Iterator[_Found]:
    """above: the real folders that lead here; meeting one of them again is a loop."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise _unreadable(folder, error) from None
    if "pyvenv.cfg" in names and len(above) > 1:
        return
    for name in names:
        local = folder / name
        if name.endswith(_ENDS_LEFT_OUT) or name in _FILES_LEFT_OUT or name.startswith(".#"):
            continue
        if local.is_symlink():
            _check_link(local, above, top)
        if not local.is_dir():
            yield _file(local, f"{path}/{name}")
        elif name not in _FOLDERS_LEFT_OUT:
            yield from _walk_folder(local, f"{path}/{name}", (*above, local.resolve()), top)


def _check_link(link: Path, above: tuple[Path, ...], top: Path) -> None:
    try:
        real = link.resolve(strict=True)
    except (OSError, RuntimeError):
        raise InvalidError(f"{link} is a link to nothing; remove it, or make what it should show.") from None
    if not real.is_relative_to(top):
        raise InvalidError(f"{link} is a link out of {top}, to {real}; put a copy there instead, or remove it.")
    if real in above:
        raise InvalidError(f"{link} is a link to a folder that it is in, {real}; remove it.")


def _file(local: Path, path: str) -> _Found:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidError(
            f"{path.encode(errors='backslashreplace').decode()} has a name that is not UTF-8; rename it."
        ) from None
    try:
        status = local.stat()
    except OSError as error:
        raise _unreadable(local, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise InvalidError(f"{local} is not a file that can be sent (a socket, pipe or device); move it elsewhere.")
    return _Found(local, path, status.st_size, bool(status.st_mode & stat.S_IXUSR))


def _digest(found: _Found) -> str:
    hasher, size_bytes = hashlib.sha256(), 0
    for piece in _pieces(found.local):
        hasher.update(piece)
        size_bytes += len(piece)
    if size_bytes != found.size_bytes:
        raise _modified(found.local)
    return hasher.hexdigest()


def _pieces(local: Path) -> Iterator[bytes]:
    try:
        with local.open("rb") as stream:
            while piece := stream.read(CHUNK_BYTES):
                yield piece
    except OSError as error:
        raise _unreadable(local, error) from None


def _unreadable(local: Path, error: OSError) -> Error:
    if isinstance(error, FileNotFoundError):
        return _modified(local)
    return InvalidError(f"{local} can't be read: {error.strerror}. Make it readable, or move it elsewhere.")


def _modified(local: Path) -> ConflictError:
    return ConflictError(f"{local} was modified during the deploy. Deploy again when it is left alone.")


def _too_large(found: list[_Found], total: int, limit: int) -> str:
    largest = sorted(found, key=lambda item: (-item.size_bytes, item.path))[:5]
    named = ", ".join(f"{item.local} ({_mib(item.size_bytes)})" for item in largest)
    return (
        f"The source has {_mib(total)}, and at most {_mib(limit)} can be uploaded. The largest files: {named}. "
        "Move data out of the package, or raise HOMEPORT_SOURCE_LIMIT_MIB."
    )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 1024 / 1024:.1f} MiB"
