"""Blobs and source trees that are dropped: only what nobody used since, and whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homeport.manifest.schema import SourceFile
from homeport.store.blobs import Blobs
from homeport.store.sources import Sources, tree_name

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
    return digest


def old_tree(blobs: Blobs, sources: Sources) -> tuple[Path, SourceFile]:
    file = SourceFile("a.py", blobs.add(b"1"), 1)
    tree = sources.materialise([file])
    os.utime(tree, (OLD_S, OLD_S))
    return tree, file


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


def test_a_tree_that_nobody_used_goes_and_is_laid_out_again(blobs: Blobs, sources: Sources) -> None:
    tree, file = old_tree(blobs, sources)
    assert list(sources.stored()) == [tree]
    assert sources.drop(tree_name([file]), SINCE_MS)
    assert list(sources.stored()) == []
    assert sources.materialise([file]) == tree
    assert (tree / "a.py").read_bytes() == b"1"


def test_a_tree_that_was_asked_for_stays(blobs: Blobs, sources: Sources) -> None:
    tree, file = old_tree(blobs, sources)
    sources.materialise([file])
    assert not sources.drop(tree.name, SINCE_MS)
    assert (tree / "a.py").exists()


def test_a_tree_half_removed_when_the_platform_was_killed_is_gone_at_the_next_start(
    tmp_path: Path, blobs: Blobs, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, file = old_tree(blobs, sources)
    with monkeypatch.context() as killed:
        killed.setattr("shutil.rmtree", lambda *_, **__: None)
        sources.drop(tree.name, SINCE_MS)
    assert not tree.exists()
    again = Sources(tmp_path / "sources", blobs)
    assert list((tmp_path / "sources" / "making").iterdir()) == []
    assert (again.materialise([file]) / "a.py").read_bytes() == b"1"
