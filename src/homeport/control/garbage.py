"""What nobody needs any more: a pure decision on what is there, what is reachable, and the policy. Removes nothing itself.

    reachable   what the World holds, and the versions that an App could be rolled back to
    needed      what reachable manifests name, and what directories of containers refer to
    collected   all else, once nobody has used it for a while

Where it can't be known what something in the World needs, nothing that it might need is collected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

DAY_MS = 24 * 3600 * 1000
# A container's directory is given this long beyond all else: its start or its end may be under way.
CONTAINER_IDLE_MS = 600_000


class Kind(StrEnum):
    BLOB = "blobs"  # uploaded files and manifests, by digest
    SOURCE = "sources"  # trees laid out from them, by name
    IMAGE = "images"  # by image id
    CONTAINER = "containers"  # directories that were left, by container id
    LOG = "logs"  # of one container, by its id
    SECRET = "secrets"  # made from values, or of an environment that is deleted; by id
    GUEST = "guests"  # copies of our package for containers, by name


NAMED_BY_MANIFESTS = frozenset({Kind.BLOB, Kind.SOURCE, Kind.IMAGE, Kind.SECRET})


class Ref(NamedTuple):
    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class Item:
    """Something on disk. `used_at_ms`: when it was last written or asked for, as far as that is known."""

    ref: Ref
    used_at_ms: int


@dataclass(frozen=True, slots=True)
class Version:
    version: int
    manifest_digest: str
    was_live: bool


@dataclass(frozen=True, slots=True)
class PastApp:
    """An App of the history. `stopped_at_ms` is None while it is not stopped."""

    app_id: str
    versions: tuple[Version, ...]
    stopped_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """`versions_kept` newest versions of an App, and as many of those that were live once, stay for a rollback."""

    versions_kept: int
    days_after_stop: int
    log_days: int
    grace_ms: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """`needs` has what each readable manifest names, itself included; `in_use` what is needed whatever manifests say."""

    apps: tuple[PastApp, ...] = ()
    in_world: frozenset[str] = frozenset()  # digests of the manifests of all deployments in the World
    containers: frozenset[str] = frozenset()  # that have not ended
    needs: Mapping[str, frozenset[Ref]] = field(default_factory=dict)
    in_use: frozenset[Ref] = frozenset()
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`blind`: manifests in the World that can't be read; while there are any, what manifests name is left alone."""

    items: tuple[Item, ...] = ()
    blind: tuple[str, ...] = ()


def over(apps: Iterable[PastApp], policy: Policy, now_ms: int) -> tuple[str, ...]:
    """Ids of Apps whose time after the stop is over: their URLs need not say any more that they are stopped."""
    return tuple(app.app_id for app in apps if not _kept(app, policy, now_ms))


def reachable(apps: Iterable[PastApp], in_world: frozenset[str], policy: Policy, now_ms: int) -> frozenset[str]:
    """Digests of the manifests that run, or that may have to run again."""
    digests = set(in_world)
    for app in apps:
        if _kept(app, policy, now_ms):
            newest = sorted(app.versions, key=lambda version: -version.version)
            were_live = [version for version in newest if version.was_live]
            digests |= {v.manifest_digest for part in (newest, were_live) for v in part[: policy.versions_kept]}
    return frozenset(digests)


def collectable(inventory: Inventory, policy: Policy, now_ms: int) -> Plan:
    """What may go."""
    digests = reachable(inventory.apps, inventory.in_world, policy, now_ms)
    # a version of the past whose manifest is gone can't be rolled back to anyway; one in the World is another matter
    blind = tuple(sorted(inventory.in_world - inventory.needs.keys()))
    needed = inventory.in_use.union(*(inventory.needs[digest] for digest in digests if digest in inventory.needs))
    spared = NAMED_BY_MANIFESTS if blind else frozenset()
    free = (i for i in inventory.items if i.ref.kind not in spared and i.ref not in needed)
    return Plan(tuple(i for i in free if _old(i, inventory.containers, policy, now_ms)), blind)


def _kept(app: PastApp, policy: Policy, now_ms: int) -> bool:
    return app.stopped_at_ms is None or now_ms - app.stopped_at_ms < policy.days_after_stop * DAY_MS


def _old(item: Item, containers: frozenset[str], policy: Policy, now_ms: int) -> bool:
    idle_ms = now_ms - item.used_at_ms
    if idle_ms < policy.grace_ms:
        return False
    match item.ref.kind:
        case Kind.LOG:
            return item.ref.key not in containers and idle_ms >= policy.log_days * DAY_MS
        case Kind.CONTAINER:
            return item.ref.key not in containers and idle_ms >= CONTAINER_IDLE_MS
        case _:
            return True
