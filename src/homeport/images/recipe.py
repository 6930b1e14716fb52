"""A recipe as text: what makes it legal, its names in the storage, and which Debian has which Python.

Pure. Refuses to know how anything is built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InvalidError
from ..manifest.schema import ImageRecipe
from . import chain, planning, registry

DEBIAN_SLIM = "debian_slim"
NAMESPACE = "localhost/homeport"
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
BASE_ENV = (("LANG", "C.UTF-8"), ("PATH", PATH))


@dataclass(frozen=True, slots=True)
class Debian:
    suite: str
    python_version: str


BOOTSTRAPPABLE = (Debian("bookworm", "3.11"), Debian("trixie", "3.13"))

_VERSION = re.compile(r"3\.\d{1,2}(\.\d{1,3})?")


def check(recipe: ImageRecipe) -> None:
    """Raises InvalidError for a recipe that no machine could build, or not this one (a GPU)."""
    if recipe.base not in chain.BASES:
        raise InvalidError(f"unknown base image {recipe.base!r}; there are {', '.join(chain.BASES)}")
    for name, version in (("python_version", recipe.python_version), ("add_python", recipe.add_python)):
        if version and not _VERSION.fullmatch(version):
            raise InvalidError(f"{name}={version!r} is not a version; write it like '3.11'")
    if recipe.base in (chain.SLIM, chain.MICROMAMBA) and not recipe.python_version:
        raise InvalidError("python_version='' is not a version; write it like '3.11'")
    if recipe.base == chain.REGISTRY:
        registry.full_reference(recipe.reference)
    if recipe.base == chain.DOCKERFILE and not recipe.steps:
        raise InvalidError("An image from a Dockerfile has to bring the Dockerfile as its first step.")
    if recipe.cache not in ("", "force", "ignore"):
        raise InvalidError(f"The image's cache is {recipe.cache!r}, and can be 'force' or 'ignore' only.")
    planning.check(recipe.steps, recipe.base == chain.DOCKERFILE)


def debian_with(python_version: str) -> Debian | None:
    """The Debian release whose own Python this is; None if there is none that we know."""
    return next((each for each in BOOTSTRAPPABLE if each.python_version == python_version), None)


def not_here(python_version: str, why: str) -> InvalidError:
    """Nothing can provide this Python; `why` says how the registry failed."""
    known = " and ".join(each.python_version for each in BOOTSTRAPPABLE)
    return InvalidError(
        f"debian_slim(python_version={python_version!r}) can't be had on this machine: {why}. "
        f"Without a registry only Python {known} can (from the Debian mirror); use one of them, or let this machine reach "
        "a registry (mirrors are set in /etc/containers/registries.conf)"
    )


def base_name(python_version: str, revision: str) -> str:
    return f"{NAMESPACE}/{DEBIAN_SLIM}:{python_version}-{revision}"


def build_name(digest: str, number: int) -> str:
    """Of one build, so that a later one of the same recipe leaves it its name, and with it its layers."""
    return f"{NAMESPACE}/build:{digest[:24]}-{number:x}"


def unfinished_name(number: int) -> str:
    """Of a base until it is on disk."""
    return f"{NAMESPACE}/unfinished:{number:x}"


def is_base(name: str) -> bool:
    """Whether a base has this name, which it got when it was on disk."""
    return name.startswith(f"{NAMESPACE}/") and not name.startswith((f"{NAMESPACE}/build:", f"{NAMESPACE}/unfinished:"))


def finishing_dockerfile(official: str) -> str:
    """What the official image lacks: its standard library as byte code (layers are read-only to containers)."""
    compile_all = "import compileall,sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=2, workers=0)"
    return f'FROM {official}\nRUN python -c "{compile_all}"\nENV LANG=C.UTF-8\n'
