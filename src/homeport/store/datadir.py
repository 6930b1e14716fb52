"""The data directory: its layout, and the marker that says it is ours. Owns where things are; knows nothing in them."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidError, PlatformError
from ..runtime import durable

FORMAT = 1
MARKER = "homeport.json"
FOUND_IN_A_NEW_ONE = frozenset({"lost+found", "settings.toml"})  # a disk of its own; settings made before the first `up`
DIRECTORIES = ("blobs", "sources", "images", "containers", "volumes", "router", "keys")


@dataclass(frozen=True, slots=True)
class DataDir:
    """`instance` is a random name of this directory, made with it and never changed."""

    root: Path
    instance: str

    @property
    def journal(self) -> Path:
        return self.root / "journal.db"

    @property
    def requests(self) -> Path:
        return self.root / "requests.db"

    @property
    def samples(self) -> Path:
        return self.root / "samples.db"

    @property
    def objects(self) -> Path:
        return self.root / "objects.db"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def sources(self) -> Path:
        return self.root / "sources"

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def containers(self) -> Path:
        return self.root / "containers"

    @property
    def volumes(self) -> Path:
        return self.root / "volumes"

    @property
    def router(self) -> Path:
        return self.root / "router"

    @property
    def keys(self) -> Path:
        return self.root / "keys"


def open_data_dir(root: Path) -> DataDir:
    """The data directory at `root`, made if there is none or an empty one. It and all in it are for its owner alone (0700).

    Raises InvalidError for a directory that isn't ours (nothing is changed in it) or no directory, PlatformError for one of
    a newer homeport and for one that can't be made or read.
    """
    try:
        return _open(root.absolute())
    except OSError as error:
        raise PlatformError(
            f"The data directory {root} can't be used: {error.strerror or error}. Choose another with --data-dir."
        ) from error


def _open(root: Path) -> DataDir:
    if root.exists() and not root.is_dir():
        raise InvalidError(f"{root} is not a directory: choose another data directory with --data-dir.")
    marker = root / MARKER
    if marker.exists():
        instance = _instance(marker)
    else:
        _refuse_foreign(root)
        instance = secrets.token_hex(8)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # the marker is the first thing in it: a directory that was left half made is still ours
        durable.write(marker, json.dumps({"format": FORMAT, "instance": instance}).encode() + b"\n")
    root.chmod(0o700)
    for name in DIRECTORIES:
        (root / name).mkdir(mode=0o700, exist_ok=True)
    (root / "keys").chmod(0o700)
    return DataDir(root, instance)


def _refuse_foreign(root: Path) -> None:
    if root.is_dir() and any(
        found.name not in FOUND_IN_A_NEW_ONE and not found.name.startswith(f".{MARKER}.") for found in root.iterdir()
    ):
        raise InvalidError(
            f"{root} contains files and is not a homeport data directory (it has no {MARKER}): "
            "choose an empty one with --data-dir."
        )


def _instance(marker: Path) -> str:
    try:
        document = json.loads(marker.read_bytes())
        found, instance = document["format"], document["instance"]
    except (ValueError, KeyError, TypeError):
        raise PlatformError(f"{marker} is damaged: restore it from a backup, or choose another --data-dir.") from None
    if found != FORMAT or not isinstance(instance, str):
        raise PlatformError(
            f"{marker.parent} has format {found}, this homeport knows {FORMAT}: start the version that made it."
        )
    return instance
