"""Which blobs are there: what is remembered is believed only as long as no folder was touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homeport.store import listing
from homeport.store.listing import Listing

ONE, OTHER, THIRD = "aa" + "1" * 62, "aa" + "2" * 62, "bb" + "3" * 62


def put(root: Path, digest: str) -> Path:
    file = root / digest[:2] / digest[2:]
    file.parent.mkdir(exist_ok=True)
    file.touch()
    return file


def settle(root: Path) -> None:
    """The folders were changed long ago, as far as their clock says."""
    for folder in root.iterdir():
        os.utime(folder, ns=(10**18, 10**18))


def test_what_comes_and_what_a_hand_removes_is_seen(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    here = Listing(tmp_path)
    assert here.digests() == {ONE}
    put(tmp_path, OTHER)
    file = put(tmp_path, THIRD)
    assert here.digests() == {ONE, OTHER, THIRD}
    file.unlink()
    assert here.digests() == {ONE, OTHER}


def test_a_folder_that_is_gone_takes_its_blobs_along(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    file = put(tmp_path, THIRD)
    settle(tmp_path)
    here = Listing(tmp_path)
    assert here.digests() == {ONE, THIRD}
    file.unlink()
    file.parent.rmdir()
    assert here.digests() == {ONE}


def test_only_folders_that_were_changed_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, ONE)
    put(tmp_path, THIRD)
    settle(tmp_path)
    here = Listing(tmp_path)
    assert here.digests() == {ONE, THIRD}
    put(tmp_path, OTHER)
    read: list[str] = []
    plain = os.listdir
    monkeypatch.setattr(listing.os, "listdir", lambda path: (read.append(Path(path).name), plain(path))[1])
    assert here.digests() == {ONE, OTHER, THIRD}
    assert read == ["aa"]


def test_a_folder_that_was_changed_just_now_is_read_again(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    here = Listing(tmp_path)
    assert here.digests() == {ONE}
    folder = tmp_path / ONE[:2]
    status = folder.stat()
    put(tmp_path, OTHER)
    os.utime(folder, ns=(status.st_atime_ns, status.st_mtime_ns))  # within one tick of its clock
    assert here.digests() == {ONE, OTHER}


def test_other_files_and_copies_that_can_be_executed_are_no_blobs(tmp_path: Path) -> None:
    put(tmp_path, ONE)
    put(tmp_path, ONE + "x")
    (tmp_path / "arriving").mkdir()
    (tmp_path / "arriving" / ("4" * 62)).touch()
    assert Listing(tmp_path).digests() == {ONE}


def test_more_than_may_be_kept_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "KEPT_MAX", 1)
    put(tmp_path, ONE)
    put(tmp_path, THIRD)
    settle(tmp_path)
    here = Listing(tmp_path)
    assert here.digests() == {ONE, THIRD}
    assert here.digests() == {ONE, THIRD}
