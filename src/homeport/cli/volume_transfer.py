"""`homeport volume get` and `put`: files between this machine and a Volume. Nothing is unpacked, on either side."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from .. import errors
from ..client import volumes
from . import render, text, volume_refs
from .connect import connected
from .options import Environment
from .volumes import Force, find

if TYPE_CHECKING:
    from ..client.answers import VolumeFile
    from ..client.http import Client


def register(group: typer.Typer) -> None:
    group.command("get", epilog="Example: homeport volume get data /logs ./logs")(get)
    group.command("put", epilog="Example: homeport volume put data ./model.bin /models/")(put)


def get(
    context: typer.Context,
    place: Annotated[
        list[str],
        typer.Argument(metavar="VOLUME PATH [LOCAL]", help="LOCAL: a folder or file, - for stdout.", show_default=False),
    ],
    force: Force = False,
    environment: Environment = None,
) -> None:
    """Download a file from a Volume, or a folder with all that is in it."""
    name, paths = volume_refs.places(place)
    if not 1 <= len(paths) <= 2:
        raise errors.UsageError("Name a Volume, a path in it and perhaps a local one, as in `volume get data /logs ./logs`.")
    remote, local = paths[0], paths[1] if paths[1:] else "."
    with connected(context, environment) as client, _local_errors(), render.Progress() as progress:
        source = _Source(client, find(client, name), _Meter(progress, "Downloading"))
        if local == "-":
            for chunk in volumes.read(client, source.volume_id, remote):
                render.raw(chunk)
            return
        count = _download(source, remote, local, force)
        progress.stop()
    render.note(f"✓ Finished downloading {text.counted(count, 'file')} to {local}.", "green")


def put(
    context: typer.Context,
    place: Annotated[
        list[str],
        typer.Argument(
            metavar="VOLUME LOCAL [PATH]", help="Or LOCAL VOLUME:/path; a final / is a folder.", show_default=False
        ),
    ],
    force: Force = False,
    environment: Environment = None,
) -> None:
    """Upload a file or folder to a Volume. Folders on the way are made; archives stay what they are."""
    from ..sdk.volume import Volume
    from ..sdk.volume_upload import VolumeUpload

    local, target = volume_refs.upload(place)
    source = Path(local)
    path = f"{target.path}{source.resolve().name}" if target.path.endswith("/") else target.path
    with connected(context, environment) as client, _local_errors(), render.Progress() as progress:
        find(client, target.volume)
        meter = _Meter(progress, "Uploading")
        volume = Volume.from_name(target.volume, environment_name=client.environment, client=client)
        with VolumeUpload(volume, force, meter.more) as batch:
            if source.is_dir():
                batch.put_directory(source, path)
            elif source.exists():
                batch.put_file(source, path)
            else:
                raise errors.NotFoundError(f"There is no {local} on this machine.")
            meter.total_bytes = batch.size_bytes
        progress.stop()
    render.out(f"✓ Uploaded {'directory' if source.is_dir() else 'file'} '{local}' to '{path}'.", "green")


@dataclass
class _Meter:
    progress: render.Progress
    what: str
    total_bytes: int = 0
    done_bytes: int = 0

    def more(self, size_bytes: int) -> None:
        self.done_bytes += size_bytes
        of = f" of {text.size(self.total_bytes)}" if self.total_bytes else ""
        self.progress.now(f"{self.what} {text.size(self.done_bytes)}{of}")


@dataclass
class _Source:
    client: Client
    volume_id: str
    meter: _Meter

    def chunks(self, path: str) -> Iterator[bytes]:
        for chunk in volumes.read(self.client, self.volume_id, path):
            self.meter.more(len(chunk))
            yield chunk


def _download(source: _Source, remote: str, local: str, force: bool) -> int:
    """How many files were written. Raises AlreadyExistsError before anything is, unless `force`."""
    found = list(volumes.entries(source.client, source.volume_id, remote, recursive=True))
    base = "/".join(PurePosixPath("/", remote).parts[1:])
    if len(found) == 1 and found[0]["path"] == base and found[0]["type"] != "directory":
        into = local.endswith("/") or Path(local).is_dir()
        files = {Path(local, PurePosixPath(base).name) if into else Path(local): found[0]}
    else:
        start = str(PurePosixPath(base).parent) if base else "."
        files = {Path(local, PurePosixPath(entry["path"]).relative_to(start)): entry for entry in found}
    if not force and (there := [path for path, entry in files.items() if entry["type"] != "directory" and path.exists()]):
        raise errors.AlreadyExistsError(f"{there[0]} exists already on this machine; --force (-f) overwrites it.")
    source.meter.total_bytes = sum(entry["size"] for entry in found)
    return sum(_download_one(source, entry, path) for path, entry in files.items())


def _download_one(source: _Source, entry: VolumeFile, path: Path) -> bool:
    if entry["type"] == "directory":
        path.mkdir(parents=True, exist_ok=True)
        return False
    if entry["type"] not in ("file", "symlink"):
        render.warning(f"{entry['path']} is a {entry['type']}; it was left out.")
        return False
    try:
        _write(source.chunks(entry["path"]), path)
    except (errors.InvalidError, errors.NotFoundError) as error:
        if entry["type"] == "file":
            raise
        render.warning(f"The symlink {entry['path']} leads to no file of the Volume; it was left out. ({error.message})")
        return False
    return True


def _write(chunks: Iterator[bytes], path: Path) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with open(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(aside, 0o666 & ~umask)
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise


@contextmanager
def _local_errors() -> Iterator[None]:
    """What this machine's disk says, as one line."""
    try:
        yield
    except BrokenPipeError:
        # whoever read our output has gone; what Python still has for it goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except FileExistsError as error:
        raise errors.AlreadyExistsError(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise errors.ExecutionError(f"{where}{error.strerror or error}.") from None
