"""From what a Server asks for (`gpu="H100:2"`, a list of fallbacks) to GPUs that this machine has. Pure.

Models have the names that people write: `H100`, `A100-80GB`, `RTX-4090`. Which device a container gets is known only where
it is started; here and in the core they are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.model import Gpus

ANY = "ANY"
UNKNOWN = "ANY"  # the model of a GPU of which nobody says what it is
# What may be given for a name, best fit first (semantics 7.13); with `!` behind it only the first one may.
UPGRADES: Mapping[str, tuple[str, ...]] = {
    "A10G": ("A10",),
    "A100": ("A100-40GB", "A100-80GB"),
    "A100-40GB": ("A100-40GB", "A100-80GB"),
    "H100": ("H100", "H200"),
    "B200+": ("B200", "B300"),
}


@dataclass(frozen=True, slots=True)
class Stock:
    """The GPUs of this machine, each model once; `note` says in words why there are none, or fewer than one would think."""

    models: tuple[Gpus, ...] = ()
    note: str = ""


NO_GPUS = Stock()


def stock(hello: Mapping[str, Any]) -> Stock:
    """From what the spawner says of itself (`spawner.wire`)."""
    counts = Counter(str(gpu["model"]) for gpu in hello.get("gpus", ()))
    models = tuple(Gpus(model, count) for model, count in sorted(counts.items()))
    return Stock(models, str(hello.get("notes", {}).get("gpus", "")))


def choices(asked: tuple[str, ...], have: Stock) -> tuple[Gpus, ...]:
    """What of this machine's would do, in order of preference; empty if nothing would. All names are valid
    (`manifest.checks`).
    """
    counts = {gpus.model: gpus.count for gpus in have.models}
    found = (Gpus(model, count) for name in asked for model, count in _wanted(name, counts))
    return tuple(dict.fromkeys(gpus for gpus in found if gpus.count <= counts.get(gpus.model, 0)))


def in_words(have: Stock) -> str:
    """What there is, as half a sentence."""
    if not have.models:
        return (
            f"this machine has no GPU that containers can be given ({have.note})" if have.note else "this machine has no GPU"
        )
    named = [
        f"{g.count} x {g.model}" if g.model != UNKNOWN else f"{g.count} of unknown model (gpu='any')" for g in have.models
    ]
    return "this machine has " + ", ".join(named) + (f" ({have.note})" if have.note else "")


def _wanted(asked: str, counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Models and how many, whether they are there or not. Any is the commonest one first: that leaves most choice."""
    name, _, count = asked.upper().partition(":")
    models: tuple[str, ...]
    if name == ANY:
        models = tuple(sorted(counts, key=lambda model: (-counts[model], model)))
    else:
        models = UPGRADES.get(name.rstrip("!"), (name.rstrip("!"),))
        models = models[:1] if name.endswith("!") else models
    yield from ((model, int(count or 1)) for model in models)
