"""The texts the package makes and reads: recipes, mmdebstrap's command line, pip's configuration, buildah's output."""

from __future__ import annotations

import hashlib
import json

import pytest

from homeport.errors import InvalidError
from homeport.images import bootstrap, layout, machine, recipe
from homeport.images.buildlog import BuildLog
from homeport.manifest.schema import ImageRecipe
from manifest.recipes import recipe_of

BOOKWORM = recipe.BOOTSTRAPPABLE[0]
PLAN = bootstrap.Bootstrap(BOOKWORM, "/c/base.tar", "/w/debian.list", "/w/apt.conf", "deb http://m/debian bookworm main\n")


def test_a_dockerfile_is_the_base_and_the_steps() -> None:
    assert recipe.dockerfile(recipe_of("RUN a", "ENV B=c"), "base:1") == "FROM base:1\nRUN a\nENV B=c\n"


@pytest.mark.parametrize("other", [ImageRecipe(python_version="3.13"), recipe_of("RUN a")])
def test_the_digest_tells_recipes_apart(other: ImageRecipe) -> None:
    assert recipe.digest(ImageRecipe()) == recipe.digest(ImageRecipe())
    assert recipe.digest(ImageRecipe()) != recipe.digest(other)


@pytest.mark.parametrize("version", ["3", "2.7", "3.11-rc", "3.11;rm", "", "3.11\n"])
def test_a_python_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(InvalidError, match="python_version"):
        recipe.check(ImageRecipe(python_version=version))


def test_a_python_that_needs_a_registry_says_what_can_be_had_without() -> None:
    message = str(recipe.not_here("3.12", "docker.io could not be pulled: no such host"))
    assert "3.11 and 3.13" in message
    assert "no such host" in message
    assert recipe.debian_with("3.12") is None


def test_mmdebstrap_is_told_where_and_what() -> None:
    argv = bootstrap.argv(PLAN)
    assert argv[0] == "mmdebstrap"
    assert argv[-3:] == ["bookworm", "/c/base.tar", "/w/debian.list"]
    assert any(each.startswith("--include=") and "python3-pip" in each for each in argv)
    assert any("EXTERNALLY-MANAGED" in each for each in argv)


def test_the_revision_changes_with_what_goes_into_the_image() -> None:
    assert bootstrap.revision(BOOKWORM, "x86_64") == bootstrap.revision(BOOKWORM, "x86_64")
    assert bootstrap.revision(BOOKWORM, "x86_64") != bootstrap.revision(BOOKWORM, "aarch64")
    assert bootstrap.revision(BOOKWORM, "x86_64") != bootstrap.revision(recipe.BOOTSTRAPPABLE[1], "x86_64")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("I: extracting archives...", "debian: extracting archives..."),
        ("E: apt-get update failed", "apt-get update failed"),
        ("I: automatically chosen mode: root", None),
        ("Get:1 http://user:secret@m bookworm InRelease", None),
    ],
)
def test_a_person_is_shown_what_mmdebstrap_does_and_no_addresses(line: str, shown: str | None) -> None:
    assert bootstrap.progress_line(line) == shown


def test_builds_see_the_machines_index_and_certificates_and_not_its_personal_options() -> None:
    text = machine.pip_conf(
        "[global]\nindex-url = https://a/simple\ntarget = /x\n[install]\nuser = true\n", {"PIP_TRUSTED_HOST": "a"}
    )
    assert "index-url = https://a/simple" in text
    assert "trusted-host = a" in text
    assert f"cert = {machine.CA_BUNDLE}" in text
    assert "target" not in text
    assert "user = " not in text


def test_the_environment_wins_over_the_machines_pip_conf() -> None:
    text = machine.pip_conf("[global]\nindex-url = https://file/\n", {"PIP_INDEX_URL": "https://env/"})
    assert "https://env/" in text
    assert "https://file/" not in text


def test_a_failed_build_names_the_step_and_shows_its_last_lines() -> None:
    log = BuildLog()
    said = [
        "STEP 1/3: FROM base",
        "STEP 2/3: RUN ok",
        "fine",
        "STEP 3/3: RUN bad",
        "why",
        "",
        "subprocess exited with status 2",
    ]
    for line in said:
        log.feed(line)
    assert log.failure('Error: building at STEP "RUN bad": exit status 2') == (
        "the image build failed at step 3 of 3: RUN bad (exit status 2)\n  why"
    )


def test_a_build_that_failed_before_its_first_step_says_why() -> None:
    assert BuildLog().failure("Error: no space left on device") == "the image build failed: Error: no space left on device"


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
