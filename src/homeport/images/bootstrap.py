"""The recipe of `debian_slim` where no registry answers: what mmdebstrap is told. Pure text; `basetar` carries it out."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass

from .recipe import Debian

PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv", "tzdata")

# Licences stay (path-include), as they must when an image is passed on.
DPKG_OPTIONS = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)

# `python` is what everybody calls it; pip may write, because the image is the user's own; what the bootstrap was told
# (proxies, mirrors with passwords) does not stay in the image; /etc/pip.conf is where builds show the machine's one.
FINISH = """set -e
ln -s /usr/bin/python3 "$1/usr/local/bin/python"
rm -f "$1"/usr/lib/python3.*/EXTERNALLY-MANAGED
rm -f "$1"/usr/lib/python3/dist-packages/distutils-precedence.pth
rm -rf "$1"/usr/share/locale/* "$1"/usr/share/man/* "$1"/usr/share/info/*
rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list.d/*
rm -f "$1"/var/log/*.log "$1"/var/log/apt/* "$1"/var/cache/debconf/*-old
: > "$1/etc/pip.conf"
: > "$1/etc/hostname"
: > "$1/etc/resolv.conf"
"""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """`target`, `sources` and `apt_settings` are paths; `public_sources` is the text that stays in the image."""

    debian: Debian
    target: str
    sources: str
    apt_settings: str
    public_sources: str


def argv(plan: Bootstrap) -> list[str]:
    """Holds paths and no address with a password: every process on the machine can read it."""
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--format=tar",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=APT::Install-Recommends "false"',
        f"--aptopt={plan.apt_settings}",
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        f"--customize-hook={FINISH}",
        f'--customize-hook=printf %s {shlex.quote(plan.public_sources)} > "$1/etc/apt/sources.list"',
        plan.debian.suite,
        plan.target,
        plan.sources,
    ]


def revision(debian: Debian, architecture: str) -> str:
    """Changes when the recipe does, so that an image made by an older one is not taken for it."""
    parts = [debian.suite, architecture, *PACKAGES, *DPKG_OPTIONS, FINISH]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def progress_line(line: str) -> str | None:
    """mmdebstrap's own words for a person; None for what only it needs to know."""
    kind, _, text = line.partition(": ")
    if kind in ("E", "W"):
        return text
    hidden = (
        "automatically",
        "chroot architecture",
        "finding",
        "using /",
        "removing tempdir",
        "success",
        "done",
        "running special",
    )
    if kind != "I" or text.startswith(hidden) or "--customize-hook" in text:
        return None
    return f"debian: {text}"
