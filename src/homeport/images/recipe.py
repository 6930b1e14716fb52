"""A recipe as text: its digest, its Dockerfile, its names in the storage, and which Debian has which Python.

Pure. Refuses to know how anything is built.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from ..errors import InvalidError
from ..manifest.schema import ImageRecipe

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
    """Raises InvalidError for a recipe that no machine could build."""
    if recipe.base != DEBIAN_SLIM:
        raise InvalidError(f"unknown base image {recipe.base!r}; use Image.debian_slim()")
    if not _VERSION.fullmatch(recipe.python_version):
        raise InvalidError(f"python_version={recipe.python_version!r} is not a version; write it like '3.11'")


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


def digest(recipe: ImageRecipe) -> str:
    """Names the recipe on every machine: sha256, hex."""
    lines = [list(step.lines) for step in recipe.steps]
    text = json.dumps([recipe.base, recipe.python_version, lines], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def base_name(python_version: str, revision: str) -> str:
    return f"{NAMESPACE}/{DEBIAN_SLIM}:{python_version}-{revision}"


def build_name(recipe: ImageRecipe) -> str:
    return f"{NAMESPACE}/build:{digest(recipe)[:24]}"


def dockerfile(recipe: ImageRecipe, base: str) -> str:
    return "\n".join([f"FROM {base}", *(line for step in recipe.steps for line in step.lines), ""])


def finishing_dockerfile(official: str) -> str:
    """What the official image lacks: its standard library as byte code (layers are read-only to containers)."""
    compile_all = "import compileall,sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=2, workers=0)"
    return f'FROM {official}\nRUN python -c "{compile_all}"\nENV LANG=C.UTF-8\n'
