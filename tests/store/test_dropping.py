"""Blobs and source trees that are dropped: only what nobody used since, and whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homeport.errors import InvalidError
from homeport.manifest.tree import File, Tree
from homeport.store.blobs import Blobs
from homeport.store.sources import Sources

OLD_S = 1_000
SINCE_MS = 2_000_000


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def sources(tmp_path: Path, blobs: Blobs) -> Sources:
    return Sources(tmp_path / "sources", blobs)


def old_blob(blobs: Blobs, content: bytes) -> str:
    digest = blobs.add(content)
    os.utime(blobs.path(digest), (OLD_S, OLD_S))
    blobs._asked_ms.clear()
    return digest


def old_tree(blobs: Blobs, sources: Sources) -> tuple[Path, Tree]:
    tree = Tree((File("a.py", blobs.add(b"1"), 1),))
    place = sources.materialise(tree)
    os.utime(place, (OLD_S, OLD_S))
    return place, tree


def test_a_blob_that_nobody_used_goes_and_can_be_stored_again(blobs: Blobs) -> None:
    digest = old_blob(blobs, b"1")
    assert [found for found, _ in blobs.stored()] == [digest]
    assert blobs.drop(digest, SINCE_MS)
    assert list(blobs.stored()) == []
    assert blobs.drop(digest, SINCE_MS)
    assert blobs.add(b"1") == digest
    assert blobs.read(digest) == b"1"


def test_a_blob_that_was_asked_for_read_or_stored_again_stays(blobs: Blobs) -> None:
    asked, read, stored = (old_blob(blobs, content) for content in (b"asked", b"read", b"stored"))
    assert blobs.missing([asked]) == []
    assert blobs.read(read) == b"read"
    blobs.add(b"stored")
    assert [blobs.drop(digest, SINCE_MS) for digest in (asked, read, stored)] == [False, False, False]
    assert blobs.missing([asked, read, stored]) == []


def test_with_a_blob_goes_its_executable_form_and_what_was_never_finished_goes_as_well(blobs: Blobs) -> None:
    digest = old_blob(blobs, b"1")
    executable = blobs.executable(digest)
    part = blobs._arriving / f"{'a' * 64}.part"
    part.write_bytes(b"half")
    os.utime(part, (OLD_S, OLD_S))
    assert not blobs.drop(digest, SINCE_MS)  # it was read
    blobs._asked_ms.clear()
    assert {key for key, _ in blobs.stored()} == {digest, part.name}
    assert all(blobs.drop(key, SINCE_MS) for key in (digest, part.name))
    assert not executable.exists()
    assert not part.exists()


@pytest.mark.parametrize("key", ["../x", "making", f"{'a' * 64}x", "a.part"])
def test_what_is_no_key_is_not_removed(blobs: Blobs, key: str) -> None:
    with pytest.raises(InvalidError):
        blobs.drop(key, SINCE_MS)


def test_a_tree_that_nobody_used_goes_and_is_laid_out_again(blobs: Blobs, sources: Sources) -> None:
    place, tree = old_tree(blobs, sources)
    assert list(sources.stored()) == [place]
    assert sources.drop(tree.digest, SINCE_MS)
    assert list(sources.stored()) == []
    assert sources.materialise(tree) == place
    assert (place / "a.py").read_bytes() == b"1"


def test_a_tree_that_was_asked_for_stays(blobs: Blobs, sources: Sources) -> None:
    place, tree = old_tree(blobs, sources)
    sources.materialise(tree)
    assert not sources.drop(tree.digest, SINCE_MS)
    assert (place / "a.py").exists()


def test_a_tree_half_removed_when_the_platform_was_killed_is_gone_at_the_next_start(
    tmp_path: Path, blobs: Blobs, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, tree = old_tree(blobs, sources)
    with monkeypatch.context() as killed:
        killed.setattr("shutil.rmtree", lambda *_, **__: None)
        sources.drop(tree.digest, SINCE_MS)
    assert not place.exists()
    again = Sources(tmp_path / "sources", blobs)
    assert list((tmp_path / "sources" / "making").iterdir()) == []
    assert (again.materialise(tree) / "a.py").read_bytes() == b"1"
