"""The platform's Volumes (docs/api.md), a function for each route. Knows no local file; loads nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .answers import VolumeFile, VolumeInfo
    from .calls import Calls, Parameters

ENTRIES_AT_ONCE = 10_000
PATHS_AT_ONCE = 10_000


def resolve(calls: Calls, name: str, environment: str, *, create_if_missing: bool) -> str:
    """The id of the Volume `name`. Raises NotFoundError if there is none and none was to be made."""
    body = {"name": name, "environment": environment, "create_if_missing": create_if_missing}
    return str(calls.call("POST", "/volumes/resolve", body=body)["volume_id"])


def create(calls: Calls, name: str | None, environment: str, *, allow_existing: bool = False) -> VolumeInfo:
    """name: None makes one that is removed when it was not heard of (`heartbeat`) for 15 minutes."""
    body = {"name": name, "environment": environment, "allow_existing": allow_existing}
    return _info(calls.call("POST", "/volumes", body=body))


def listed(calls: Calls, environment: str) -> list[VolumeInfo]:
    """Those with a name, newest first."""
    return [_info(line) for line in calls.call("GET", "/volumes", params={"environment": environment})["volumes"]]


def info(calls: Calls, volume_id: str) -> VolumeInfo:
    return _info(calls.call("GET", f"/volumes/{_part(volume_id)}"))


def users(calls: Calls, volume_id: str) -> list[str]:
    """Names of the Apps whose version that is live, or on its way, mounts it."""
    return [str(app["name"]) for app in calls.call("GET", f"/volumes/{_part(volume_id)}/users")["apps"]]


def rename(calls: Calls, volume_id: str, name: str) -> None:
    calls.call("PATCH", f"/volumes/{_part(volume_id)}", body={"name": name})


def delete(calls: Calls, volume_id: str) -> None:
    """Returns when its files are gone, however long that takes."""
    calls.call("DELETE", f"/volumes/{_part(volume_id)}", timeout_s=None)


def heartbeat(calls: Calls, volume_id: str) -> None:
    calls.call("POST", f"/volumes/{_part(volume_id)}/heartbeat")


def commit(calls: Calls, volume_id: str) -> None:
    """Returns when everything written until now is on the platform's disk."""
    calls.call("POST", f"/volumes/{_part(volume_id)}/commit", timeout_s=None)


def entries(calls: Calls, volume_id: str, path: str, *, recursive: bool) -> Iterator[VolumeFile]:
    """All of a folder, a page at a time; of a file, itself. Raises NotFoundError."""
    after: str | None = None
    while True:
        params: Parameters = {"path": path, "recursive": recursive, "limit": ENTRIES_AT_ONCE, "after": after}
        page = calls.call("GET", f"/volumes/{_part(volume_id)}/entries", params=params)
        yield from page["entries"]
        after = page["next"]
        if after is None:
            return


def read(calls: Calls, volume_id: str, path: str) -> Iterator[bytes]:
    """A file's content, a piece at a time. Raises NotFoundError, InvalidError for a folder."""
    return calls.receive(f"/volumes/{_part(volume_id)}/content", params={"path": path})


def write(calls: Calls, volume_id: str, content: Iterator[bytes], size_bytes: int, params: Parameters) -> None:
    """One file; params: path, force, mode (permission bits), sync. Raises AlreadyExistsError without force."""
    calls.send("PUT", f"/volumes/{_part(volume_id)}/content", content, size_bytes, params=params)


def existing(calls: Calls, volume_id: str, paths: Sequence[str]) -> list[str]:
    """Those of `paths` where there is something."""
    found: list[str] = []
    for start in range(0, len(paths), PATHS_AT_ONCE):
        body = {"paths": list(paths[start : start + PATHS_AT_ONCE])}
        found += calls.call("POST", f"/volumes/{_part(volume_id)}/existing", body=body)["existing"]
    return found


def remove(calls: Calls, volume_id: str, path: str, *, recursive: bool) -> None:
    params: Parameters = {"path": path, "recursive": recursive}
    calls.call("DELETE", f"/volumes/{_part(volume_id)}/content", params=params, timeout_s=None)


def copy(calls: Calls, volume_id: str, sources: Sequence[str], destination: str, *, recursive: bool) -> None:
    """Inside of one Volume, as `cp`; returns when it is on the platform's disk."""
    body = {"sources": list(sources), "destination": destination, "recursive": recursive}
    calls.call("POST", f"/volumes/{_part(volume_id)}/copy", body=body, timeout_s=None)


def _info(answer: dict[str, Any]) -> VolumeInfo:
    return answer  # type: ignore[return-value]  # the API's answer as it came


def _part(volume_id: str) -> str:
    from urllib.parse import quote

    return quote(volume_id, safe="")
