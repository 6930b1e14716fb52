"""The name of a manifest: the hash of its canonical bytes. Equal configurations have equal digests everywhere."""

from __future__ import annotations

import hashlib

from . import codec
from .schema import AppManifest


def of(manifest: AppManifest) -> str:
    """sha256 of `codec.dumps(manifest)`, in hex."""
    return hashlib.sha256(codec.dumps(manifest)).hexdigest()
