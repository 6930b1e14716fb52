"""Blobs: verified on arrival and when read, and nothing kept of what failed."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homeport.errors import ConflictError, ExecutionError, InvalidError, NotFoundError, ResourceExhaustedError
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
    with pytest.raises(InvalidError, match="not a blob digest"):
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


def broken_off(blobs: Blobs, name: str, content: bytes, offset: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield content
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(blobs.put(name, chunks(), offset))


def test_an_upload_that_can_be_continued_keeps_what_arrived_also_over_a_restart(blobs: Blobs) -> None:
    content = bytes(range(256)) * 10_000
    name = sha(content)
    broken_off(blobs, name, content[:2_000_000], 0)
    assert blobs.arrived(name) == (2_000_000, False)
    assert blobs.missing([name]) == [name]
    again = Blobs(blobs._root)
    broken_off(again, name, content[2_000_000:2_000_010], 2_000_000)
    asyncio.run(again.put(name, pieces(content[2_000_010:]), 2_000_010))
    assert again.read(name) == content
    assert again.arrived(name) == (len(content), True)
    assert [path.name for path in files(again)] == [name[2:]]


def test_one_that_is_continued_by_two_is_refused_to_the_second(blobs: Blobs) -> None:
    name = sha(b"ab")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        with pytest.raises(ConflictError, match="by somebody else"):
            await blobs.put(name, pieces(b"ab"), 0)
        await blobs.put(name, pieces(b"ab"))  # beside it, whole
        yield b"b"

    asyncio.run(blobs.put(name, chunks(), 0))
    assert blobs.read(name) == b"ab"


def test_many_are_all_stored_or_none(blobs: Blobs) -> None:
    contents = [(sha(str(number).encode()), str(number).encode()) for number in range(300)]
    with pytest.raises(InvalidError, match="nothing was kept"):
        blobs.add_all([*contents, (sha(b"x"), b"y")])
    assert files(blobs) == []
    blobs.add_all(contents[:3])
    blobs.add_all(contents + contents)
    assert blobs.missing([digest for digest, _ in contents]) == []
    assert all(blobs.read(digest) == content for digest, content in contents)
    assert {path.stat().st_mode & 0o777 for path in files(blobs)} == {0o444}


def test_many_are_asked_for_at_once_and_in_order(blobs: Blobs) -> None:
    contents = [(sha(str(number).encode()), str(number).encode()) for number in range(3000)]
    blobs.add_all(contents[::2])
    assert blobs.missing(digest for digest, _ in contents) == [digest for digest, _ in contents[1::2]]


def test_the_executable_form_is_made_once_from_what_is_whole(blobs: Blobs) -> None:
    name = blobs.add(b"#!/bin/sh")
    path = blobs.executable(name)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"#!/bin/sh", 0o555)
    inode = path.stat().st_ino
    assert blobs.executable(name).stat().st_ino == inode
    with pytest.raises(NotFoundError):
        blobs.executable(sha(b"none"))
