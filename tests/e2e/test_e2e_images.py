"""Every method of the Image builder in real builds: what it did is seen from inside the containers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import e2e_builders as builders
import pytest
from e2e_harness import Box

from homeport import Image
from homeport.client import config
from homeport.client.http import Client
from homeport.errors import ImageBuildError

DEPLOY_LIMIT_S = 400  # what an installer downloads takes as long as it takes


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    builders.write(folder)
    return folder


def deploy(box: Box, project: Path, name: str, text: str) -> tuple[dict[str, Any], str]:
    """What each of its Servers answers, and what was said on the way."""
    (project / f"{name}.py").write_text(text)
    with box.begin("deploy", f"{name}.py", "--json", cwd=project) as process:
        out, err = process.communicate(timeout=DEPLOY_LIMIT_S)
    assert process.returncode == 0, err
    servers = json.loads(out)["servers"]
    return {each["name"]: json.loads(box.get(each["url"]).text) for each in servers}, err


@contextmanager
def client(box: Box) -> Iterator[Client]:
    with Client(config.find(config.Choice(data_dir=box.data_dir), environ={}, home=box.root)) as connected:
        yield connected


def configs(box: Box) -> list[dict[str, Any]]:
    """Of all stored images, as their runtime would read them."""
    found = [json.loads(path.read_bytes()) for path in box.data_dir.glob("images/overlay-images/*/=*") if _is_json(path)]
    return [each["config"] for each in found if isinstance(each.get("config"), dict) and "rootfs" in each]


def _is_json(path: Path) -> bool:
    return path.read_bytes()[:1] == b"{"


def in_layers(box: Box, path: str) -> list[str]:
    """What the file holds, in each layer that has it."""
    return [each.read_text() for each in box.data_dir.glob(f"images/overlay/*/diff/{path}") if each.is_file()]


def test_every_installer_installs_what_the_servers_import(box: Box, project: Path) -> None:
    seen, _ = deploy(box, project, "packages", builders.PACKAGES)
    assert seen["Installed"] == ["1.16.0", "3.6", "2.0.0", "0.10.2", "24.0", "1.4.0"]
    assert seen["Locked"][:2] == ["2.0.0", "0.10.2"]
    assert seen["Locked"][2:] == ["/opt/uv/project/.venv", "/opt/uv/project/.venv/bin/python"]
    assert seen["Poems"] == ["1.15.0"]


def test_every_other_step_does_what_it_says_and_no_more(box: Box, project: Path) -> None:
    box.ok("secret", "create", "for-builds", "BUILD_TOKEN=sesame-open")
    seen, said = deploy(box, project, "steps", builders.STEPS)
    folder = ["data.txt", "sub", "sub/deep.txt"]
    assert seen["Server"] == {
        "env": ['x "y" $z', "yes", None, None],
        "where": "/work dir",
        "lines": ["one", "two"],
        "copied": ["data", "data", "data", "data"],
        "trees": [folder, folder, folder, ["__init__.py"]],
        "filled": "abab ses f",
        "modules": ["helped", "attached", 1],
    }
    assert "the token is ***" in said
    assert box.ok("volume", "get", "for-builds", "here", "-") == "here\n"
    assert any(each.get("Entrypoint") == ["/bin/sh", "-c"] and each.get("Cmd") == ["echo", "a b"] for each in configs(box))
    held = subprocess.run(
        ["grep", "-rlaF", "--devices=skip", "sesame-open", str(box.data_dir)], capture_output=True, text=True
    )
    assert held.stdout == ""


def test_an_image_is_published_from_code_and_a_later_deploy_stands_on_it(box: Box, project: Path) -> None:
    base = Image.debian_slim("3.11")
    with client(box) as connected:
        base.run_commands("printf one > /base.txt").publish("tools:v1", client=connected)
        seen, _ = deploy(box, project, "named", builders.NAMED)
        assert seen["Server"] == ["one", "one"]
        base.run_commands("printf two > /base.txt").publish("tools:v1", client=connected)
        assert base.build(client=connected) == base
        with pytest.raises(ImageBuildError) as failed:
            base.run_commands("echo why; exit 3").build(client=connected)
    assert "\n  why\n" in failed.value.message
    assert "why" in box.ok("image", "logs", failed.value.image_id)
    # The name's new image is another base for the same code.
    seen, said = deploy(box, project, "named", builders.NAMED)
    assert (seen["Server"], "STEP" in said) == (["two", "two"], True)


def test_a_dockerfile_is_built_with_its_context_and_from_nothing(box: Box, project: Path) -> None:
    assert "tools:file is im-" in box.ok("image", "build", "-t", "tools:file", str(project / "conf"))
    assert in_layers(box, "from-first.txt") == ["deep"]
    assert in_layers(box, "context/sub/deep.txt") == ["deep"]
    assert in_layers(box, "context/left.secret") == []
    with client(box) as connected:
        file = Image.from_dockerfile(project / "conf/Dockerfile", context_dir=project / "conf", build_args={"NAME": "ann"})
        file.build(client=connected)
        Image.from_scratch().add_local_file(project / "context/data.txt", "/alone.txt", copy=True).build(client=connected)
    assert {"BUILT_FOR=nobody", "BUILT_FOR=ann"} <= {each for found in configs(box) for each in found.get("Env") or ()}
    assert in_layers(box, "alone.txt") == ["data"]
