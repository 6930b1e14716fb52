"""The Volumes that a manifest names, and where their files are. Owns the words for one that is gone; makes nothing."""

from __future__ import annotations

from pathlib import Path

from ..errors import NotFoundError
from ..manifest.schema import AppManifest, ServerSpec, VolumeMount
from ..ports import Bind
from ..store.volumes import VolumeRow, VolumeStore, VolumeTable


def binds(server: ServerSpec, store: VolumeStore) -> tuple[Bind, ...]:
    """Raises NotFoundError for a Volume that is gone.

    The spawner opens what is below the Volumes without following a symlink, and makes a sub_path that is missing.
    """
    rows = store.table.by_id(mount.volume_id for mount in server.volumes)
    held = [(mount, _held(mount, rows.get(mount.volume_id), "")) for mount in server.volumes]
    return tuple(
        Bind(str(Path(store.folders.path(row.volume_id), mount.sub_path)), mount.path, mount.read_only)
        for mount, row in held
    )


def refuse_missing(manifest: AppManifest, table: VolumeTable) -> None:
    """Raises NotFoundError naming the Volume that a Server wants and that is not there (any more).

    An empty id stands for one that a deploy would make.
    """
    rows = table.by_id({mount.volume_id for server in manifest.servers for mount in server.volumes})
    for server in manifest.servers:
        for mount in server.volumes:
            if mount.volume_id:
                _held(mount, rows.get(mount.volume_id), f"Server {server.name}: ")


def require(mount: VolumeMount, table: VolumeTable) -> VolumeRow:
    """Raises NotFoundError in words (semantics 6.2.8)."""
    return _held(mount, table.find(mount.volume_id), "")


def _held(mount: VolumeMount, row: VolumeRow | None, who: str) -> VolumeRow:
    if row is None or row.deleted_at_ms is not None:
        what = f"Volume {mount.name!r} ({mount.volume_id})" if mount.name else f"Volume {mount.volume_id}"
        gone = "was deleted" if row else "is not on this platform"
        raise NotFoundError(f"{who}{what} {gone}; make it again if need be, and deploy the App again.")
    return row
