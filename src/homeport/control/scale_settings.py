"""The public names and units of the settings that scale a Server, and how the core's values are shown by them."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.model import ServiceSpec

# By their public names: what the core calls them, and how many of its units make one of the public.
SETTINGS: Mapping[str, tuple[str, int]] = {
    "min_containers": ("min_containers", 1),
    "max_containers": ("max_containers", 1),
    "buffer_containers": ("buffer_containers", 1),
    "scaleup_window": ("scaleup_window_s", 1),
    "scaledown_window": ("scaledown_window_s", 1),
    "target_concurrency": ("target_concurrency_centi", 100),
}
_COUNTED = ("min_containers", "buffer_containers")  # of these, none is 0; of the others, none is null


def public(spec: ServiceSpec) -> dict[str, object]:
    return {name: public_value(name, getattr(spec, core)) for name, (core, _) in SETTINGS.items()}


def public_value(name: str, stored: int) -> object:
    """As people write it; None is none."""
    if not stored and name not in _COUNTED:
        return None
    factor = SETTINGS[name][1]
    return stored if factor == 1 else stored / factor


def public_name(core: str) -> str:
    return next(name for name, (there, _) in SETTINGS.items() if there == core)
