"""Sending: only what is missing, small files together, large ones from where they broke off."""

import hashlib
from pathlib import Path

import pytest

from homeport.errors import ConflictError
from homeport.errors import ConnectionError as NotConnectedError
from homeport.sdk import trees, uploads
from homeport.sdk.events import Uploading
from homeport.sdk.needs import LocalFiles
from homeport.sdk.trees import LocalTree

from .platform import FakePlatform

LARGE = bytes(range(256)) * 4096 * 3


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    monkeypatch.setattr(uploads, "RETRY_S", 0)
    return FakePlatform()


def local(tmp_path: Path, **files: bytes) -> LocalTree:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return trees.of({"": LocalFiles(tmp_path)})


def send(platform: FakePlatform, tree: LocalTree) -> list[Uploading]:
    return list(uploads.send(platform.client(), [tree]))


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_many_small_files_go_in_few_requests_and_their_tree_with_them(tmp_path: Path, platform: FakePlatform) -> None:
    tree = local(tmp_path, **{f"f{number}": str(number).encode() for number in range(5000)})
    told = send(platform, tree)
    assert set(platform.blobs) == {*tree.tree.blobs, tree.tree.digest}
    assert platform.batches == 2
    assert told[0] == Uploading(5000, tree.tree.size_bytes)
    assert told[-1] == Uploading(5000, tree.tree.size_bytes, tree.tree.size_bytes)
    assert send(platform, tree) == []
    assert platform.batches == 2


def test_only_what_is_missing_is_sent(tmp_path: Path, platform: FakePlatform) -> None:
    send(platform, local(tmp_path, a=b"1", b=b"2"))
    puts = platform.puts
    assert send(platform, local(tmp_path, b=b"3"))[0] == Uploading(1, 1)
    assert platform.puts == puts + 2


def test_a_large_file_goes_on_where_its_connection_broke(tmp_path: Path, platform: FakePlatform) -> None:
    tree = local(tmp_path, large=LARGE)
    platform.broken = [1000, 500_000, 0]
    told = send(platform, tree)
    assert platform.blobs[sha(LARGE)] == LARGE
    assert platform.broken == []
    assert told[-1] == Uploading(1, len(LARGE), len(LARGE))


def test_a_connection_that_keeps_breaking_is_told_and_a_later_deploy_goes_on(tmp_path: Path, platform: FakePlatform) -> None:
    tree = local(tmp_path, large=LARGE)
    platform.broken = [1000] * uploads.TRIES
    with pytest.raises(NotConnectedError):
        send(platform, tree)
    assert len(platform.parts[sha(LARGE)]) == 1000 * uploads.TRIES
    send(platform, tree)
    assert platform.blobs[sha(LARGE)] == LARGE


def test_a_large_file_that_somebody_else_sends_is_sent_beside_it(tmp_path: Path, platform: FakePlatform) -> None:
    platform.others_send = True
    told = send(platform, local(tmp_path, large=LARGE))
    assert platform.blobs[sha(LARGE)] == LARGE
    assert told[-1] == Uploading(1, len(LARGE), len(LARGE))


@pytest.mark.parametrize("content", [LARGE[:-1] + b"x", LARGE + b"more", LARGE[:9], b""])
def test_a_file_that_changes_before_it_is_sent_is_named(tmp_path: Path, platform: FakePlatform, content: bytes) -> None:
    tree = local(tmp_path, large=LARGE, small=b"1")
    (tmp_path / "large").write_bytes(content)
    with pytest.raises(ConflictError, match="/large was modified during build process"):
        send(platform, tree)
    assert sha(LARGE) not in platform.blobs


def test_a_file_that_is_gone_or_changed_is_named_among_small_ones(tmp_path: Path, platform: FakePlatform) -> None:
    tree = local(tmp_path, a=b"1", b=b"2")
    (tmp_path / "b").write_bytes(b"3")
    with pytest.raises(ConflictError, match="/b was modified"):
        send(platform, tree)
    (tmp_path / "b").unlink()
    with pytest.raises(ConflictError, match="/b was modified"):
        send(platform, tree)
    assert platform.blobs == {}


def test_a_large_file_is_read_a_piece_at_a_time(tmp_path: Path) -> None:
    tree = local(tmp_path, large=LARGE)
    (blob, _) = uploads._blobs(tree, dict.fromkeys([*tree.files, tree.tree.digest]))
    assert max(map(len, uploads._pieces(blob, 0))) <= uploads.PIECE_BYTES
    assert b"".join(uploads._pieces(blob, 12345)) == LARGE[12345:]
