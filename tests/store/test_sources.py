"""Source trees: laid out once, whole, and mended when damaged."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from homeport.errors import ExecutionError, InvalidError, NotFoundError
from homeport.manifest.schema import SourceFile
from homeport.store.blobs import Blobs
from homeport.store.sources import Sources


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def sources(tmp_path: Path, blobs: Blobs) -> Sources:
    return Sources(tmp_path / "sources", blobs)


def file(blobs: Blobs, path: str, content: bytes, *, executable: bool = False) -> SourceFile:
    return SourceFile(path, blobs.add(content), len(content), executable)


def test_a_tree_holds_exactly_its_files_with_their_modes(blobs: Blobs, sources: Sources) -> None:
    tree = sources.materialise([file(blobs, "a.py", b"1"), file(blobs, "p/q/run", b"2", executable=True)])
    found = {str(path.relative_to(tree)): path for path in tree.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == {"a.py": b"1", "p/q/run": b"2"}
    assert {name: path.stat().st_mode & 0o777 for name, path in found.items()} == {"a.py": 0o444, "p/q/run": 0o555}
    assert tree.stat().st_mode & 0o777 == 0o755


def test_the_same_list_is_the_same_tree_and_another_list_another(blobs: Blobs, sources: Sources) -> None:
    one = [file(blobs, "a.py", b"1"), file(blobs, "b.py", b"2")]
    tree = sources.materialise(one)
    inode = os.stat(tree / "a.py").st_ino
    assert sources.materialise(list(reversed(one))) == tree
    assert os.stat(tree / "a.py").st_ino == inode
    assert sources.materialise([file(blobs, "a.py", b"1", executable=True), one[1]]) != tree
    assert sources.materialise([]) != tree


def test_a_damaged_blob_is_named_by_its_file_and_leaves_no_tree(tmp_path: Path, blobs: Blobs, sources: Sources) -> None:
    good, bad = file(blobs, "a.py", b"1"), file(blobs, "pkg/b.py", b"2")
    os.chmod(blobs.path(bad.digest), 0o644)
    blobs.path(bad.digest).write_bytes(b"3")
    with pytest.raises(ExecutionError, match=r"'pkg/b\.py' can't be used. Blob .* damaged"):
        sources.materialise([good, bad])
    with pytest.raises(NotFoundError, match=r"pkg/b\.py"):
        sources.materialise([good, bad])
    assert os.listdir(tmp_path / "sources") == ["making"]
    assert os.listdir(tmp_path / "sources" / "making") == []
    blobs.add(b"2")
    assert (sources.materialise([good, bad]) / "pkg/b.py").read_bytes() == b"2"


def test_a_tree_that_was_damaged_is_mended_by_the_next_process(tmp_path: Path, blobs: Blobs, sources: Sources) -> None:
    files = [file(blobs, "a.py", b"1"), file(blobs, "b.py", b"2"), file(blobs, "c", b"3", executable=True)]
    tree = sources.materialise(files)
    (tree / "a.py").unlink()
    os.chmod(tree / "b.py", 0o644)
    (tree / "b.py").write_bytes(b"")
    os.chmod(tree / "c", 0o444)
    assert Sources(tmp_path / "sources", blobs).materialise(files) == tree
    assert [(tree / name).read_bytes() for name in ("a.py", "b.py", "c")] == [b"1", b"2", b"3"]
    assert os.stat(tree / "c").st_mode & 0o777 == 0o555


def test_two_who_make_the_same_tree_at_once_both_get_it(tmp_path: Path, blobs: Blobs) -> None:
    files = [file(blobs, "a.py", b"1")]
    both = threading.Barrier(2, timeout=10)

    class Meeting(Blobs):
        def chunks(self, digest: str) -> Iterator[bytes]:
            both.wait()  # each has seen that there is no tree
            return super().chunks(digest)

    sources = Sources(tmp_path / "sources", Meeting(tmp_path / "blobs"))
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(sources.materialise, [files, files])
    assert one == other
    assert (one / "a.py").read_bytes() == b"1"
    assert os.listdir(tmp_path / "sources" / "making") == []


def test_what_happens_to_a_blob_does_not_reach_a_tree(blobs: Blobs, sources: Sources) -> None:
    files = [file(blobs, "a.py", b"1")]
    tree = sources.materialise(files)
    os.chmod(blobs.path(files[0].digest), 0o644)
    blobs.path(files[0].digest).write_bytes(b"9")
    assert (tree / "a.py").read_bytes() == b"1"


@pytest.mark.parametrize("paths", [["../x"], ["/etc/x"], ["a//b"], ["a", "a"], ["a", "a/b"], [""]])
def test_paths_that_no_tree_can_have_are_refused(blobs: Blobs, sources: Sources, paths: list[str]) -> None:
    with pytest.raises(InvalidError, match="Source file"):
        sources.materialise([file(blobs, path, b"1") for path in paths])
