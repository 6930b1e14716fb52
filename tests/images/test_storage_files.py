"""What is read from and kept beside the storage: layer chains, our index, a cached tar that is whole."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from homeport.errors import ImageBuildError
from homeport.images import basetar, layers, runner
from homeport.images.index import Index
from homeport.images.recipe import BOOTSTRAPPABLE
from homeport.ports import Image


def storage(root: Path, driver: str) -> Path:
    (root / f"{driver}-images").mkdir()
    (root / f"{driver}-layers").mkdir()
    images = [{"id": "i1", "names": ["localhost/a:1"], "layer": "top"}, {"id": "i2", "layer": "torn"}, {"id": "i3"}]
    chain = [{"id": "bottom"}, {"id": "middle", "parent": "bottom"}, {"id": "top", "parent": "middle"}]
    (root / f"{driver}-images" / "images.json").write_text(json.dumps(images))
    for name in ("bottom", "middle", "top"):
        (root / "vfs" / "dir" / name if driver == "vfs" else root / "overlay" / name / "diff").mkdir(parents=True)
    (root / f"{driver}-layers" / "layers.json").write_text(json.dumps([*chain, {"id": "torn", "parent": "lost"}]))
    return root


def test_layers_come_uppermost_first(tmp_path: Path) -> None:
    root = storage(tmp_path, "overlay")
    names = ("top", "middle", "bottom")
    assert layers.directories(root, "overlay", "i1") == tuple(str(root / "overlay" / name / "diff") for name in names)


def test_a_vfs_layer_is_a_whole_tree(tmp_path: Path) -> None:
    root = storage(tmp_path, "vfs")
    assert layers.driver_in_use(root) == "vfs"
    assert layers.directories(root, "vfs", "i1") == (str(root / "vfs" / "dir" / "top"),)


def test_images_are_found_by_id_and_name_only(tmp_path: Path) -> None:
    root = storage(tmp_path, "overlay")
    assert layers.find(root, "overlay", "localhost/a:1") == "i1"
    assert layers.find(root, "overlay", "i2") == "i2"
    assert layers.find(root, "overlay", "localhost/a") is None
    assert layers.find(tmp_path / "nothing", "overlay", "i1") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"config": {"OnBuild": null}}', False),
        ('{"config": {"OnBuild": []}}', False),
        ('{"config": {"OnBuild": ["RUN x"]}}', True),
        ('{"config": {"onbuild": ["RUN x"]}}', True),
        ('{"Config": {"\\u004fnBuild": ["RUN x"]}}', True),
        ('{"config": {"OnBuild": ["RUN x"]}, "config": {}}', True),
        ('{"config": {"OnBuild": ["RUN x"], "OnBuild": []}}', True),
    ],
)
def test_instructions_that_an_image_brings_are_found_wherever_they_are(tmp_path: Path, text: str, expected: bool) -> None:
    folder = tmp_path / "vfs-images" / "i1"
    folder.mkdir(parents=True)
    (folder / f"={base64.b64encode(b'sha256:i1').decode()}").write_text(text)
    assert layers.has_triggers(tmp_path, "vfs", "i1") is expected


@pytest.mark.parametrize("image", ["i2", "i9"])
def test_a_lost_layer_or_image_is_an_error(tmp_path: Path, image: str) -> None:
    with pytest.raises(LookupError):
        layers.directories(storage(tmp_path, "overlay"), "overlay", image)


def test_a_layer_without_its_files_is_lost(tmp_path: Path) -> None:
    root = storage(tmp_path, "overlay")
    (root / "overlay" / "middle" / "diff").rmdir()
    with pytest.raises(LookupError, match="middle"):
        layers.directories(root, "overlay", "i1")


def test_the_index_survives_and_forgets_images_whose_layers_are_gone(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    layer.mkdir()
    image = Image("i1", (str(layer),), "3.11", (("A", "b"),))
    Index(tmp_path / "index.json").put("recipe", image)
    assert Index(tmp_path / "index.json").get("recipe") == image
    layer.rmdir()
    assert Index(tmp_path / "index.json").get("recipe") is None


def test_a_discarded_image_is_gone_from_every_recipe(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.json")
    for key in ("one", "two"):
        index.put(key, Image("i1", (str(tmp_path),)))
    index.discard("i1")
    assert index.get("one") is index.get("two") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99, "images": {}}', '{"schema": 1, "images": {"a": {}}}'])
def test_a_damaged_index_counts_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    assert Index(tmp_path / "index.json").get("a") is None


@pytest.fixture
def mmdebstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the program: counts its calls, writes a tar, or fails when told so."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "mmdebstrap"
    program.write_text(
        f'#!/bin/sh\necho x >> {tmp_path}/calls\necho "I: extracting archives..."\n'
        f'[ -e {tmp_path}/fail ] && {{ echo "E: no such suite"; exit 1; }}\n'
        'for a; do case "$a" in *.part) echo content > "$a";; esac; done\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path / "calls"


def test_a_base_is_made_once_also_for_two_at_a_time(tmp_path: Path, mmdebstrap: Path) -> None:
    async def both() -> list[tuple[Path, str]]:
        return list(await asyncio.gather(*(basetar.base_tar(tmp_path / "c", BOOTSTRAPPABLE[0], print) for _ in range(2))))

    one, two = asyncio.run(both())
    assert one == two
    assert one[0].read_text() == "content\n"
    assert mmdebstrap.read_text() == "x\n"


def test_a_half_written_base_is_made_again(tmp_path: Path, mmdebstrap: Path) -> None:
    tar, _ = asyncio.run(basetar.base_tar(tmp_path / "c", BOOTSTRAPPABLE[0], print))
    tar.write_text("conte")
    asyncio.run(basetar.base_tar(tmp_path / "c", BOOTSTRAPPABLE[0], print))
    assert tar.read_text() == "content\n"
    assert mmdebstrap.read_text() == "x\nx\n"


def test_a_failed_bootstrap_says_apts_words_and_leaves_no_file(tmp_path: Path, mmdebstrap: Path) -> None:
    (tmp_path / "fail").touch()
    with pytest.raises(ImageBuildError, match="no such suite"):
        asyncio.run(basetar.base_tar(tmp_path / "c", BOOTSTRAPPABLE[0], print))
    assert [each.suffix for each in (tmp_path / "c").iterdir()] == [".lock"]


def test_runner_gives_lines_and_the_end_of_a_program() -> None:
    lines: list[str] = []
    finished = asyncio.run(runner.run(["sh", "-c", "echo one; echo two >&2; printf three; exit 4"], lines.append))
    assert lines == ["one", "two", "three"]
    assert (finished.returncode, finished.last_words) == (4, "three")
