"""The files of a Volume on a real disk, with whatever its containers may have put there."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.errors import AlreadyExistsError, Error, InvalidError, NotFoundError
from homeport.store.volume_tree import Target, VolumeTree

AT_FDCWD, RENAME_EXCHANGE = -100, 2


@pytest.fixture
def tree(tmp_path: Path) -> VolumeTree:
    for name in ("volume", "arriving"):
        (tmp_path / name).mkdir()
    (tmp_path / "secret").write_text("not in the Volume")
    return VolumeTree(tmp_path / "volume", tmp_path / "arriving", "data")


def put(tree: VolumeTree, path: str, content: str = "x", *, force: bool = False, mode: int = 0o644) -> None:
    with tree.arrive(Target(path, force, mode)) as arrival:
        arrival.write(content.encode())
        arrival.finish()


def content(tree: VolumeTree, path: str) -> str:
    size_bytes, chunks = tree.read(path)
    found = b"".join(chunks)
    assert len(found) == size_bytes
    return found.decode()


def paths(tree: VolumeTree, path: str = "", *, recursive: bool = True, after: str = "") -> list[str]:
    return [entry.path for entry in tree.entries(path, recursive=recursive, after=after)]


def test_a_file_comes_back_as_it_went(tree: VolumeTree) -> None:
    put(tree, "a/b/c.txt", "hello", mode=0o750)
    assert content(tree, "a/b/c.txt") == "hello"
    assert (tree.root / "a/b/c.txt").stat().st_mode & 0o7777 == 0o750
    assert list(tree.arriving.iterdir()) == []
    entry = tree.entry("a/b/c.txt")
    assert (entry.kind, entry.size_bytes, tree.entry("a").kind) == ("file", 5, "directory")


def test_a_listing_is_sorted_and_can_go_on_behind_any_path(tree: VolumeTree) -> None:
    for path in ("b", "a/z", "a-b", "a/y/1", "c/1"):
        put(tree, path)
    every = ["a", "a/y", "a/y/1", "a/z", "a-b", "b", "c", "c/1"]
    assert paths(tree) == every
    for number, path in enumerate(every):
        assert paths(tree, after=path) == every[number + 1 :]
    assert paths(tree, recursive=False) == ["a", "a-b", "b", "c"]
    assert paths(tree, "a") == ["a/y", "a/y/1", "a/z"]
    assert paths(tree, "a/z") == ["a/z"]


def test_what_is_there_is_not_replaced_unless_it_is_said(tree: VolumeTree) -> None:
    put(tree, "a", "old")
    with pytest.raises(AlreadyExistsError, match="'a' exists already in Volume 'data'; --force"):
        put(tree, "a", "new")
    assert content(tree, "a") == "old"
    put(tree, "a", "new", force=True)
    assert content(tree, "a") == "new"
    (tree.root / "folder").mkdir()
    with pytest.raises(InvalidError, match="is a folder; a file can't take its place"):
        put(tree, "folder", force=True)
    with pytest.raises(InvalidError, match="a part of it is a file, not a folder"):
        put(tree, "a/b")


def test_of_two_uploads_to_one_place_the_first_one_stays(tree: VolumeTree) -> None:
    with tree.arrive(Target("a")) as first, tree.arrive(Target("a")) as second:
        first.write(b"first")
        second.write(b"second")
        first.finish()
        with pytest.raises(AlreadyExistsError):
            second.finish()
    assert content(tree, "a") == "first"
    assert list(tree.arriving.iterdir()) == []


def test_an_upload_that_breaks_off_leaves_the_old_file_and_nothing_else(tree: VolumeTree) -> None:
    put(tree, "a", "old")
    with tree.arrive(Target("a", force=True)) as arrival:
        arrival.write(b"half of the n")
    assert content(tree, "a") == "old"
    assert list(tree.arriving.iterdir()) == []
    assert paths(tree) == ["a"]


LINKS = ["/etc", "../secret", "..", "/", "a/../../secret", "/proc/self/root", "/proc/self/cwd"]


@pytest.mark.parametrize("leads_to", LINKS)
def test_no_symlink_leads_out_whatever_is_asked_for(tree: VolumeTree, leads_to: str) -> None:
    (tree.root / "a").mkdir()
    (tree.root / "out").symlink_to(leads_to)
    attempts: list[Callable[[], object]] = [
        lambda: tree.read("out"),
        lambda: tree.read("out/passwd"),
        lambda: paths(tree, "out"),
        lambda: put(tree, "out/new"),
        lambda: tree.remove("out/passwd", recursive=True),
        lambda: tree.copy(["out"], "copy", recursive=True),
        lambda: tree.copy(["out/passwd"], "copy", recursive=True),
        lambda: tree.copy(["a"], "out/a", recursive=True),
    ]
    for attempt in attempts:
        with pytest.raises(Error):
            attempt()
    assert paths(tree) == ["a", "out"]
    assert (tree.root.parent / "secret").read_text() == "not in the Volume"
    assert Path("/etc/passwd").exists()


def test_an_upload_takes_the_place_of_a_symlink_and_not_of_where_it_leads(tree: VolumeTree) -> None:
    (tree.root / "out").symlink_to("../secret")
    put(tree, "out", "mine", force=True)
    assert not (tree.root / "out").is_symlink()
    assert (tree.root.parent / "secret").read_text() == "not in the Volume"


def test_symlinks_that_stay_inside_are_followed_and_listed_as_what_they_are(tree: VolumeTree) -> None:
    put(tree, "blobs/1", "weights")
    (tree.root / "snapshots").mkdir()
    (tree.root / "snapshots/model").symlink_to("../blobs/1")
    (tree.root / "latest").symlink_to("snapshots")
    assert content(tree, "latest/model") == "weights"
    assert {entry.path: entry.kind for entry in tree.entries("", recursive=True)} == {
        "blobs": "directory",
        "blobs/1": "file",
        "latest": "symlink",
        "snapshots": "directory",
        "snapshots/model": "symlink",
    }
    put(tree, "latest/new/file", "through the link")
    assert content(tree, "snapshots/new/file") == "through the link"


def test_nothing_leads_out_while_somebody_changes_folders_into_symlinks_all_the_time(tree: VolumeTree) -> None:
    """What a container could do: the place is a folder at one moment, and a symlink out of the Volume at the next."""
    (tree.root / "here").mkdir()
    (tree.root / "link").symlink_to("..")
    over = threading.Event()
    exchange = ctypes.CDLL(None).renameat2
    names = [os.fsencode(tree.root / name) for name in ("here", "link")]

    def swap() -> None:
        while not over.is_set():
            assert exchange(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for number in range(500):
            try:
                put(tree, f"here/{number}")
                tree.remove(f"here/{number}", recursive=False)
            except (Error, OSError):
                continue
    finally:
        over.set()
        swapping.join()
    assert sorted(path.name for path in tree.root.parent.iterdir()) == ["arriving", "secret", "volume"]


def test_fifos_and_sockets_are_listed_and_not_waited_for(tree: VolumeTree) -> None:
    os.mkfifo(tree.root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree.root / "socket"))
        assert [entry.kind for entry in tree.entries("", recursive=True)] == ["fifo", "socket"]
        with pytest.raises(InvalidError, match="'fifo' in Volume 'data' is a fifo; name a file"):
            tree.read("fifo")
        with pytest.raises(InvalidError, match="can't be opened"):
            tree.read("socket")
    tree.remove("", recursive=True)
    assert paths(tree) == []


def test_removing_wants_to_be_told_of_folders(tree: VolumeTree) -> None:
    put(tree, "a/b/c")
    put(tree, "d")
    (tree.root / "dangling").symlink_to("nowhere")
    with pytest.raises(InvalidError, match="'a' in Volume 'data' is a folder; that needs recursive"):
        tree.remove("a", recursive=False)
    with pytest.raises(InvalidError, match="'/' in Volume 'data' is a folder"):
        tree.remove("", recursive=False)
    tree.remove("a", recursive=True)
    tree.remove("dangling", recursive=False)
    assert paths(tree) == ["d"]
    with pytest.raises(NotFoundError, match="There is no 'a' in Volume 'data'"):
        tree.remove("a", recursive=True)
    tree.remove("", recursive=True)
    assert (paths(tree), list(tree.arriving.iterdir())) == ([], [])


def test_a_tree_deeper_than_any_recursion_is_listed_and_removed(tree: VolumeTree) -> None:
    folder = os.open(tree.root, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=folder)
        following = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = following
    os.close(folder)
    assert len(paths(tree)) == 1500
    tree.remove("d", recursive=True)
    assert paths(tree) == []


def test_copying_is_as_cp_does_it(tree: VolumeTree) -> None:
    put(tree, "a.txt", "a")
    put(tree, "folder/run.sh", "b", mode=0o755)
    (tree.root / "folder/link").symlink_to("run.sh")
    tree.copy(["a.txt"], "b.txt", recursive=False)
    tree.copy(["a.txt", "b.txt"], "folder", recursive=False)
    tree.copy(["folder"], "new", recursive=True)
    tree.copy(["folder"], "new", recursive=True)
    assert content(tree, "new/folder/b.txt") == "a"
    assert os.readlink(tree.root / "new/link") == "run.sh"
    assert (tree.root / "new/run.sh").stat().st_mode & 0o777 == 0o755
    for sources, destination, recursive, words in [
        (["a.txt", "b.txt"], "nowhere", False, "'nowhere' in Volume 'data' is not a folder"),
        (["folder"], "c", False, "is a folder; that needs recursive"),
        (["folder"], "folder/inside", True, "can't be copied into itself"),
        ([""], "c", True, "can't be copied into itself"),
        (["a.txt"], "a.txt", False, "are the same file"),
        (["nothing"], "c", False, "There is no 'nothing'"),
    ]:
        with pytest.raises(Error, match=words):
            tree.copy(sources, destination, recursive=recursive)


def test_existing_finds_also_what_leads_nowhere(tree: VolumeTree) -> None:
    put(tree, "a/b")
    (tree.root / "dangling").symlink_to("nowhere")
    assert tree.existing(["a", "a/b", "a/b/c", "c", "dangling"]) == ["a", "a/b", "dangling"]


def test_a_full_disk_is_told_in_words(tree: VolumeTree, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Error, match="disk full: no room for 'a' in this Volume"):
        put(tree, "a")
    assert (paths(tree), list(tree.arriving.iterdir())) == ([], [])


def test_a_volume_that_is_gone_says_so(tree: VolumeTree) -> None:
    tree.root.rmdir()
    with pytest.raises(NotFoundError, match="Volume 'data' is gone"):
        paths(tree)
