"""What an image is called before it is built: digests of a recipe and of every part of its chain. Pure.

A digest covers everything that decides what gets into the image, Secrets and Volumes by their ids, files by their digests;
never a value of a Secret, nor what only says how to build it (timeouts, being forced, the files that have a function). Equal
chains have equal digests on every machine, and chains that begin alike have those of their beginnings in common.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from ..manifest.schema import ImageRecipe, ImageStep
from . import registry

FORMAT = 1  # another number builds everything anew
DOCKERFILE, MICROMAMBA, NAMED, REGISTRY, SCRATCH, SLIM = (
    "dockerfile",
    "micromamba",
    "named",
    "registry",
    "scratch",
    "debian_slim",
)
BASES = (DOCKERFILE, MICROMAMBA, NAMED, REGISTRY, SCRATCH, SLIM)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Chain:
    """`links[0]` names the base, `links[n]` what the first n steps make of it; the last one is the image's."""

    links: tuple[str, ...]

    @property
    def digest(self) -> str:
        return self.links[-1]

    @property
    def name(self) -> str:
        return name(self.digest)


def of(recipe: ImageRecipe, named: str = "") -> Chain:
    """named: the id of the image that a `named` base stands for now."""
    links = [_digest(_base(recipe, named))]
    for step in recipe.steps:
        links.append(_digest([links[-1], *_step(step)]))
    return Chain(tuple(links))


def name(digest: str) -> str:
    """The id that people see: `im-` and 22 characters."""
    number = int(digest, 16)
    characters = ""
    for _ in range(22):
        number, rest = divmod(number, 62)
        characters += _DIGITS[rest]
    return f"im-{characters}"


def reusable(recipe: ImageRecipe) -> int:
    """How many of the chain's links may come from the cache: none if it is built anew, else those before a forced step."""
    if recipe.cache:
        return 0
    forced = next((place for place, step in enumerate(recipe.steps) if step.force), None)
    return len(recipe.steps) + 1 if forced is None else forced + 1


def _base(recipe: ImageRecipe, named: str) -> list[object]:
    secret = recipe.registry_secret.secret_id if recipe.registry_secret else ""
    python = recipe.python_version if recipe.base in (SLIM, MICROMAMBA) else ""
    reference = registry.full_reference(recipe.reference) if recipe.base == REGISTRY else ""
    return [FORMAT, recipe.base, python, reference, secret, recipe.add_python, named]


def _step(step: ImageStep) -> list[object]:
    function = step.function
    return [
        step.lines,
        step.contexts,
        step.build_args,
        step.env,
        [secret.secret_id for secret in step.secrets],
        [(mount.path, mount.volume_id, mount.read_only, mount.sub_path) for mount in step.volumes],
        function
        and [
            function.entry.module,
            function.entry.qualname,
            function.entry.path,
            function.arguments,
            function.captured,
        ],
        step.gpu,
    ]


def _digest(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
