"""Autoscaler settings that were changed while a version runs (semantics 2.4.8, 7.8). Pure.

They belong to the deployment that they were made for, so the next one begins without any, and one that fails leaves the
live version with its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from .model import Deployment, Override, ServiceSpec

SETTINGS = (
    "min_containers",
    "max_containers",
    "buffer_containers",
    "target_concurrency_centi",
    "scaleup_window_s",
    "scaledown_window_s",
)


def effective(deployment: Deployment, spec: ServiceSpec) -> ServiceSpec:
    """The settings of one of its services that hold now."""
    if not deployment.overrides:
        return spec
    changed = {o.setting: o.value for o in deployment.overrides if o.service == spec.name}
    return replace(spec, **cast("dict[str, Any]", changed)) if changed else spec


def spec_of(deployment: Deployment | None, name: str) -> ServiceSpec | None:
    """The same by the service's name; None where this version has none of that name."""
    if deployment is None:
        return None
    spec = next((s for s in deployment.services if s.name == name), None)
    return effective(deployment, spec) if spec else None


def added(there: Iterable[Override], new: Iterable[Override]) -> tuple[Override, ...]:
    """Partial updates add up: what is not mentioned stays as it was."""
    by_name = {(o.service, o.setting): o for o in (*there, *new)}
    return tuple(by_name[key] for key in sorted(by_name))
