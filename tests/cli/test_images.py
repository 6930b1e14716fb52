"""`homeport image`: what it asks, and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from .conftest import FakePlatform, Result

BUILD = "im-" + "a" * 22
BUILT = [("build", {"line": "pulling x"}), ("built", {"image_id": BUILD, "name": "tools:v1", "python_version": "3.12"})]


class Cli(Protocol):
    def __call__(self, *argv: str, stdin: bytes = b"") -> Result: ...


def test_names_are_a_table_or_json(cli: Cli, platform: FakePlatform) -> None:
    name = {"name": "tools:v1", "image_id": BUILD, "published_at": "2026-11-21T10:00:00.000Z", "published_by": "ann"}
    platform.answers["GET /v1/images/names"] = {"names": [name]}
    assert cli("image", "names").out.splitlines()[1].split() == ["tools:v1", BUILD, "2026-11-21", "10:00:00+00:00", "ann"]
    assert cli("image", "names", "--json").json == [name]


def test_the_log_is_printed_as_it_was(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[f"GET /v1/images/{BUILD}/logs"] = [("build", {"line": "one"}), ("build", {"line": " two"}), ("end", {})]
    result = cli("image", "logs", BUILD)
    assert (result.code, result.out) == (0, "one\n two\n")
    assert cli("image", "logs", BUILD, "--json").out == '{"line":"one"}\n{"line":" two"}\n'


def test_pull_builds_anew_from_the_registry_under_the_last_part_of_its_name(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/images/build"] = BUILT
    result = cli("image", "pull", "ghcr.io/team/tools:v1")
    assert (result.code, result.out) == (0, f"✓ Image tools:v1 is {BUILD}.\n")
    assert "pulling x" in result.err
    assert cli("image", "pull", "ghcr.io/team/tools:v1", "--json").json == {"image_id": BUILD, "name": "tools:v1"}
    recipe = {"base": "registry", "reference": "ghcr.io/team/tools:v1", "cache": "force"}
    assert platform.asked[0].body == {"recipe": recipe, "name": "tools:v1"}


def test_a_failed_build_is_one_error(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/images/build"] = [("error", {"code": "image_build", "message": "Image build failed."})]
    result = cli("image", "pull", "python", "-t", "x")
    assert (result.code, result.out) == (1, "")
    assert result.err == "Error: Image build failed.\n"


def test_a_failed_build_shows_the_lines_that_its_step_said(cli: Cli, platform: FakePlatform) -> None:
    message = f"Image build for {BUILD} failed.\n  step 2 of 2: RUN pip install nope\n  ERROR: No matching distribution"
    platform.answers["POST /v1/images/build"] = [("error", {"code": "image_build", "message": message, "image_id": BUILD})]
    assert cli("image", "pull", "python", "-t", "x").err == f"Error: {message}\n"


def test_build_sends_the_folder_before_it_asks_for_the_image(cli: Cli, platform: FakePlatform, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nCOPY . /app\n")
    (tmp_path / "data.txt").write_text("hello")
    platform.answers["POST /v1/blobs/missing"] = {"missing": []}
    platform.answers["POST /v1/images/build"] = BUILT
    assert cli("image", "build", "-t", "tools:v1", str(tmp_path)).out == f"✓ Image tools:v1 is {BUILD}.\n"
    assert platform.paths() == ["POST /v1/blobs/missing", "POST /v1/images/build"]
    step = platform.asked[1].body["recipe"]["steps"][0]
    assert step["contexts"][0] in platform.asked[0].body["digests"]


def test_a_folder_without_a_dockerfile_is_said_before_anything_is_asked(cli: Cli, platform: FakePlatform) -> None:
    result = cli("image", "build", "-t", "x", "/nowhere")
    assert (result.code, platform.asked) == (1, [])
    assert result.err == "Error: There is no Dockerfile in /nowhere.\n"
