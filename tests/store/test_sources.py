"""Trees on disk: laid out once, whole, and mended when damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from deep import dig
from homeport.errors import ExecutionError, InvalidError, NotFoundError, ResourceExhaustedError
from homeport.manifest.tree import Entry, File, Folder, Link, Tree
from homeport.store.blobs import Blobs
from homeport.store.sources import Sources


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def sources(tmp_path: Path, blobs: Blobs) -> Sources:
    return Sources(tmp_path / "sources", blobs)


def file(blobs: Blobs, path: str, content: bytes, *, executable: bool = False) -> File:
    return File(path, blobs.add(content), len(content), executable)


def mixed(blobs: Blobs) -> Tree:
    """One of each kind."""
    entries: list[Entry] = [file(blobs, "a.py", b"1"), file(blobs, "b", b"1"), file(blobs, "p/q/run", b"2", executable=True)]
    return Tree.of([*entries, Link("p/l", "../a.py"), Folder("p/empty")])


def found(place: Path) -> dict[str, object]:
    """Everything there, by path: contents and modes of files, targets of links, None for a folder."""
    there: dict[str, object] = {}
    for path in place.rglob("*"):
        name = str(path.relative_to(place))
        if path.is_symlink():
            there[name] = os.readlink(path)
        else:
            there[name] = None if path.is_dir() else (path.read_bytes(), path.stat().st_mode & 0o777)
    return there


MIXED = {
    "a.py": (b"1", 0o444),
    "b": (b"1", 0o444),
    "p": None,
    "p/q": None,
    "p/q/run": (b"2", 0o555),
    "p/l": "../a.py",
    "p/empty": None,
}


def test_a_directory_holds_exactly_its_tree_with_modes_links_and_empty_folders(blobs: Blobs, sources: Sources) -> None:
    place = sources.materialise(mixed(blobs))
    assert found(place) == MIXED
    assert place.stat().st_mode & 0o777 == 0o755


def test_files_are_names_of_the_blobs_and_no_copies(blobs: Blobs, sources: Sources) -> None:
    one, other = file(blobs, "a", b"1"), file(blobs, "run", b"1", executable=True)
    place = sources.materialise(Tree((one, other)))
    assert os.path.samefile(place / "a", blobs.path(one.digest))
    assert os.path.samefile(place / "run", blobs.executable(one.digest))
    assert not os.path.samefile(place / "a", place / "run")


def test_the_same_tree_is_the_same_directory_and_another_tree_another(blobs: Blobs, sources: Sources) -> None:
    one = Tree((file(blobs, "a.py", b"1"), file(blobs, "b.py", b"2")))
    place = sources.materialise(one)
    assert sources.materialise(Tree.of(reversed(one.entries))) == place
    assert sources.materialise(Tree((file(blobs, "a.py", b"1", executable=True), one.entries[1]))) != place
    assert sources.materialise(Tree()) != place


def test_a_blob_that_is_cut_off_or_missing_is_named_by_its_file_and_leaves_nothing(
    tmp_path: Path, blobs: Blobs, sources: Sources
) -> None:
    tree = Tree((file(blobs, "a.py", b"1"), bad := file(blobs, "pkg/b.py", b"22")))
    os.chmod(blobs.path(bad.digest), 0o644)
    blobs.path(bad.digest).write_bytes(b"3")
    with pytest.raises(ExecutionError, match=r"'pkg/b\.py' can't be used. Blob .* damaged"):
        sources.materialise(tree)
    with pytest.raises(NotFoundError, match=r"pkg/b\.py"):
        sources.materialise(tree)
    assert os.listdir(tmp_path / "sources") == ["making"]
    assert os.listdir(tmp_path / "sources" / "making") == []
    blobs.add(b"22")
    assert (sources.materialise(tree) / "pkg/b.py").read_bytes() == b"22"


def test_a_tree_that_was_damaged_is_mended_in_its_place_by_the_next_process(
    tmp_path: Path, blobs: Blobs, sources: Sources
) -> None:
    tree = mixed(blobs)
    place = sources.materialise(tree)
    folder = os.stat(place / "p").st_ino
    (place / "a.py").unlink()
    (place / "b").unlink()
    (place / "b").mkdir()
    (place / "b/x").touch()
    (place / "p/q/run").unlink()
    (place / "p/q/run").write_bytes(b"3")
    (place / "p/l").unlink()
    (place / "p/l").symlink_to("/etc/passwd")
    (place / "p/empty/stray").touch()
    (place / "stray").mkdir()
    again = Sources(tmp_path / "sources", blobs)
    assert again.materialise(tree) == place
    assert found(place) == MIXED
    assert os.stat(place / "p").st_ino == folder  # containers may be looking at it


def test_a_tree_whose_blob_is_another_file_by_now_is_whole_and_read_once(
    tmp_path: Path, blobs: Blobs, sources: Sources
) -> None:
    tree = Tree((one := file(blobs, "a", b"1"),))
    place = sources.materialise(tree)
    inode = os.stat(place / "a").st_ino
    blobs.path(one.digest).unlink()
    blobs.add(b"1")
    assert Sources(tmp_path / "sources", blobs).materialise(tree) == place
    assert os.stat(place / "a").st_ino == inode


def test_where_no_more_links_can_be_made_a_file_is_copied(
    blobs: Blobs, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))

    monkeypatch.setattr(os, "link", refuse)
    assert found(sources.materialise(mixed(blobs))) == MIXED


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, blobs: Blobs, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(ResourceExhaustedError, match="disk full"):
        sources.materialise(mixed(blobs))
    assert os.listdir(tmp_path / "sources" / "making") == []


def test_what_happens_to_a_blobs_name_does_not_reach_a_tree(blobs: Blobs, sources: Sources) -> None:
    tree = mixed(blobs)
    place = sources.materialise(tree)
    for each in tree.files:
        blobs.path(each.digest).unlink(missing_ok=True)
    assert found(place) == MIXED


def test_a_single_file_is_no_folder(blobs: Blobs, sources: Sources) -> None:
    with pytest.raises(InvalidError, match="single file"):
        sources.materialise(Tree((file(blobs, "", b"1"),)))


def test_what_was_left_half_made_is_removed_however_deep_it_is(tmp_path: Path, blobs: Blobs) -> None:
    left = dig(tmp_path / "sources" / "making" / "left")
    Sources(tmp_path / "sources", blobs)
    assert not left.exists()
