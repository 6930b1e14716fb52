"""A tar as an OCI image of one layer: the documents of an image layout, which buildah reads and verifies itself.

Pure. Equal tars give equal images, on every machine. Source: the OCI image format specification, version 1.0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

REF = "base"
_MEDIA = "application/vnd.oci.image"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Layer:
    """An uncompressed tar: sha256 in hex, and its size."""

    digest: str
    size_bytes: int


def documents(layer: Layer, env: tuple[tuple[str, str], ...], machine: str) -> dict[str, bytes]:
    """Path in the layout -> content, of everything but the layer itself (which is `blob_path(layer.digest)`)."""
    config = _encode(
        {
            "architecture": _ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {"Env": [f"{name}={value}" for name, value in env], "Cmd": ["python3"], "WorkingDir": "/root"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}"]},
            "history": [{"created_by": "homeport debian_slim"}],
        }
    )
    content = {"mediaType": f"{_MEDIA}.layer.v1.tar", "digest": f"sha256:{layer.digest}", "size": layer.size_bytes}
    manifest = _encode({"schemaVersion": 2, "config": _descriptor("config", config), "layers": [content]})
    named = {**_descriptor("manifest", manifest), "annotations": {"org.opencontainers.image.ref.name": REF}}
    return {
        "oci-layout": _encode({"imageLayoutVersion": "1.0.0"}),
        "index.json": _encode({"schemaVersion": 2, "manifests": [named]}),
        blob_path(_digest(config)): config,
        blob_path(_digest(manifest)): manifest,
    }


def blob_path(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _descriptor(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": f"{_MEDIA}.{kind}.v1+json", "digest": f"sha256:{_digest(content)}", "size": len(content)}


def _encode(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
