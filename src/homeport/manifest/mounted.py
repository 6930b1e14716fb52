"""How a program is told which Volumes it sees, in a container or a build step: one variable, which `guest.volumes` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .schema import VolumeMount

VARIABLE = "HOMEPORT_VOLUMES"


def environment(mounts: Iterable[VolumeMount]) -> dict[str, str]:
    """Empty without Volumes."""
    told = [[mount.path, mount.volume_id, mount.name, mount.read_only] for mount in mounts]
    return {VARIABLE: json.dumps(told)} if told else {}
