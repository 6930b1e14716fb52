"""`commit` and `reload` as a container has them, on directories that stand in for mounts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from homeport.guest import volumes


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data-too").mkdir()
    mounts = [[str(tmp_path / "data"), "vo-1", "data", False], [str(tmp_path / "data-too"), "vo-2", "too", True]]
    monkeypatch.setenv(volumes.MOUNTED, json.dumps(mounts))
    return tmp_path / "data"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    paths: list[str] = []
    monkeypatch.setattr(volumes, "_sync_file_system", paths.append)
    return paths


def test_a_commit_is_of_the_volume_that_is_named_by_id_or_name(mount: Path, synced: list[str]) -> None:
    volumes.commit("vo-1", "")
    volumes.commit("", "too")
    assert synced == [str(mount), f"{mount}-too"]


def test_a_commit_reaches_the_disk_for_real(mount: Path) -> None:
    (mount / "x").write_text("x")
    volumes.commit("", "data")


def test_at_the_end_all_that_was_writable_is_committed(mount: Path, synced: list[str]) -> None:
    volumes.commit_all()
    assert synced == [str(mount)]


def test_what_is_not_mounted_says_so(mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="Volume 'other' is not mounted in this container"):
        volumes.commit("", "other")
    monkeypatch.delenv(volumes.MOUNTED)
    with pytest.raises(RuntimeError, match="Volume 'data' is not mounted"):
        volumes.reload("", "data")


def test_a_disk_that_fails_is_told(mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: str) -> None:
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(volumes, "_sync_file_system", fails)
    with pytest.raises(RuntimeError, match=r"What was written to .* could not be committed: Input/output error\."):
        volumes.commit("", "data")


def test_a_reload_names_the_open_file_in_its_way_and_no_other(mount: Path) -> None:
    (mount / "sub").mkdir()
    with (mount.parent / "data-too" / "x").open("w"):
        volumes.reload("", "data")
    words = "volume busy: there are open files preventing the operation: path sub/x is open$"
    with (mount / "sub/x").open("w"), pytest.raises(RuntimeError, match=words):
        volumes.reload("", "data")
    volumes.reload("", "data")


def test_a_reload_names_a_process_that_stands_in_the_volume(mount: Path) -> None:
    before = Path.cwd()
    os.chdir(mount)
    try:
        with pytest.raises(RuntimeError, match=f"cwd of process {os.getpid()} is {mount}$"):
            volumes.reload("", "data")
    finally:
        os.chdir(before)
