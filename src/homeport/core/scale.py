"""How many containers a service wants. Pure arithmetic over its settings."""

from __future__ import annotations

from .model import ServiceSpec


def wanted(spec: ServiceSpec | None) -> int:
    """At least one, at least `min_containers`, at most `max_containers` (semantics 2.2.9); none without a spec."""
    if spec is None:
        return 0
    count = max(1, spec.min_containers)
    return min(count, spec.max_containers) if spec.max_containers else count
