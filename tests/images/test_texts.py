"""The texts the package makes and reads: recipes, mmdebstrap's command line, pip's configuration, buildah's output."""

from __future__ import annotations

import hashlib
import json

from homeport.images import bootstrap, layout, recipe

BOOKWORM = recipe.BOOTSTRAPPABLE[0]
PLAN = bootstrap.Bootstrap(BOOKWORM, "/c/base.tar", "/w/debian.list", "/w/apt.conf", "deb http://m/debian bookworm main\n")


def test_a_layout_names_every_document_by_its_content() -> None:
    documents = layout.documents(layout.Layer("ab" * 32, 5), (("LANG", "C.UTF-8"),), "x86_64")
    blobs = {path.rpartition("/")[2]: content for path, content in documents.items() if path.startswith("blobs/")}
    assert all(hashlib.sha256(content).hexdigest() == digest for digest, content in blobs.items())
    manifest = json.loads(blobs[_hex(json.loads(documents["index.json"])["manifests"][0])])
    config = json.loads(blobs[_hex(manifest["config"])])
    assert [_hex(layer) for layer in manifest["layers"]] == ["ab" * 32]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + "ab" * 32]
    assert config["architecture"] == "amd64"
    assert config["config"]["Env"] == ["LANG=C.UTF-8"]


def test_the_same_tar_is_the_same_image_everywhere() -> None:
    layer = layout.Layer("ab" * 32, 5)
    assert layout.documents(layer, (), "aarch64") == layout.documents(layer, (), "aarch64")


def _hex(descriptor: dict[str, str]) -> str:
    return descriptor["digest"].removeprefix("sha256:")
