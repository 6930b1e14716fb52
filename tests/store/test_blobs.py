"""Blobs: verified on arrival and when read, and nothing kept of what failed."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homeport.errors import ExecutionError, InvalidError, NotFoundError, ResourceExhaustedError
from homeport.manifest import digest
from homeport.manifest.schema import AppManifest
from homeport.store.blobs import Blobs
from homeport.store.manifests import Manifests


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs", bytes_max=4_000_000)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def put(blobs: Blobs, name: str, *chunks: bytes) -> None:
    asyncio.run(blobs.put(name, pieces(*chunks)))


def files(blobs: Blobs) -> list[Path]:
    return [path for path in blobs._root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("chunks", [(b"",), (b"hello ", b"world"), (b"x" * 1_500_000, b"y" * 1_500_000)])
def test_a_blob_comes_back_as_it_was_sent(blobs: Blobs, chunks: tuple[bytes, ...]) -> None:
    content = b"".join(chunks)
    put(blobs, sha(content), *chunks)
    assert blobs.read(sha(content)) == content
    assert files(blobs) == [blobs.path(sha(content))]


def test_only_what_is_not_here_is_missing(blobs: Blobs) -> None:
    here = blobs.add(b"here")
    absent = sha(b"absent")
    assert blobs.missing([absent, here, absent]) == [absent]


def test_a_wrong_digest_is_refused_and_nothing_kept(blobs: Blobs) -> None:
    with pytest.raises(InvalidError, match=sha(b"other")):
        put(blobs, sha(b"this"), b"other")
    assert files(blobs) == []


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_what_is_no_digest_is_refused(blobs: Blobs, name: str) -> None:
    with pytest.raises(InvalidError, match="no blob digest"):
        put(blobs, name, b"")
    with pytest.raises(InvalidError):
        blobs.missing([name])


def test_a_blob_that_is_too_large_is_refused_and_nothing_kept(blobs: Blobs) -> None:
    with pytest.raises(ResourceExhaustedError, match="too large") as caught:
        put(blobs, sha(b""), *[b"x" * 1_000_000] * 5)
    assert caught.value.__cause__ is None
    assert files(blobs) == []


def test_an_upload_that_breaks_off_leaves_nothing(blobs: Blobs) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(blobs.put(sha(b"x"), broken()))
    assert files(blobs) == []


def test_a_full_disk_is_told_and_nothing_kept(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceExhaustedError, match="disk full") as caught:
        put(blobs, sha(b"x"), b"x")
    assert isinstance(caught.value.__cause__, OSError)
    assert files(blobs) == []


def test_a_damaged_blob_is_named_and_asked_for_again(blobs: Blobs) -> None:
    name = blobs.add(b"content")
    blobs.path(name).chmod(0o644)
    blobs.path(name).write_bytes(b"c0ntent")
    with pytest.raises(ExecutionError, match=f"{name} was damaged"):
        blobs.read(name)
    assert blobs.missing([name]) == [name]
    with pytest.raises(NotFoundError, match=name):
        blobs.read(name)


def test_what_a_killed_upload_left_is_removed_at_start(blobs: Blobs) -> None:
    (blobs._root / "arriving" / "left").write_bytes(b"half")
    Blobs(blobs._root)
    assert files(blobs) == []


def test_a_manifest_is_kept_under_its_digest(blobs: Blobs) -> None:
    manifest = AppManifest("hello", source="0" * 64)
    manifests = Manifests(blobs)
    assert manifests.put(manifest) == digest.of(manifest)
    assert manifests.get(digest.of(manifest)) == manifest
    with pytest.raises(NotFoundError):
        manifests.get("0" * 64)
