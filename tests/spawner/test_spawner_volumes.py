"""Which binds the spawner takes for folders of Volumes, and how it reaches them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homeport.spawner import volumes

VOLUME = "vo-1"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "volumes" / VOLUME).mkdir(parents=True)
    return tmp_path


def reached(data_dir: Path, path: str) -> str:
    folder = volumes._walk(str(data_dir), path)
    try:
        return os.readlink(f"/proc/self/fd/{folder}")
    finally:
        os.close(folder)


def test_what_lies_below_the_volumes_is_one_of_theirs() -> None:
    assert volumes.relative("/d", "/d/volumes/vo-1/a") == "vo-1/a"
    assert volumes.relative("/d", "/d/volumes-of-others/vo-1") is None
    assert volumes.relative("/d", "/d/sources/x") is None


def test_folders_that_are_missing_are_made_below_the_volume_and_never_the_volume(data_dir: Path) -> None:
    assert reached(data_dir, f"{VOLUME}/a/b") == str(data_dir / "volumes" / VOLUME / "a/b")
    assert reached(data_dir, VOLUME) == str(data_dir / "volumes" / VOLUME)
    with pytest.raises(OSError, match="Volume vo-2 is gone; make it again if need be"):
        reached(data_dir, "vo-2/a")
    assert not (data_dir / "volumes/vo-2").exists()


@pytest.mark.parametrize("leads_to", ["/etc", "..", "../..", "here", "/nowhere"])
def test_no_symlink_is_followed_wherever_it_leads(data_dir: Path, leads_to: str) -> None:
    volume = data_dir / "volumes" / VOLUME
    (volume / "here").mkdir()
    (volume / "link").symlink_to(leads_to)
    for path in ("link", "link/x", "here/../link"):
        with pytest.raises(OSError):
            reached(data_dir, f"{VOLUME}/{path}")


def test_a_file_is_no_folder(data_dir: Path) -> None:
    (data_dir / "volumes" / VOLUME / "file").write_text("x")
    with pytest.raises(OSError, match="the sub_path file of Volume vo-1 is a file or symlink, and no folder"):
        reached(data_dir, f"{VOLUME}/file")
