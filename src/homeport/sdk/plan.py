"""What a deploy would change: the manifest as the user's code makes it now, and the platform's answer to it.

Nothing is uploaded but the lists of files: the platform compares digests.
"""

from __future__ import annotations

import os

from ..client.answers import Plan
from ..client.http import Client
from ..manifest import codec
from . import source
from .app import App
from .collect import collect
from .resolve import PlatformResolver


def plan(app: App, name: str | None, environment: str | None, client: Client) -> Plan:
    """name goes before the App's own; environment None is the client's.

    Raises what `collect` raises, and what the deploy itself would be refused with.
    """
    resolver = PlatformResolver(client, environment or client.environment, dry_run=True)
    collected = collect(app, name, source.limit_bytes(os.environ), resolver)
    trees = [tree.tree for tree in (collected.source, *resolver.trees) if tree is not None]
    return client.plan(codec.to_json(collected.manifest), resolver.environment, [tree.content.decode() for tree in trees])
