"""What containers wrote goes, however deep it is, and nothing that it points to."""

from __future__ import annotations

from pathlib import Path

from deep import dig
from homeport.spawner import removal, start
from homeport.spawner.containerdir import ContainerDir


def test_a_container_of_any_depth_is_cleaned_and_what_its_links_name_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    directory = ContainerDir(str(tmp_path), "it")
    dig(Path(directory.file("scratch")))
    Path(directory.file("scratch"), "link").symlink_to(kept)
    start.remove_files(directory)
    assert (Path(directory.file("scratch")).exists(), kept.exists()) == (False, True)


def test_what_is_not_there_is_removed_already(tmp_path: Path) -> None:
    removal.remove(str(tmp_path / "none"))
