"""The data directory, its lock and its tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from homeport.errors import ConflictError, InvalidError, PlatformError
from homeport.store.datadir import open_data_dir
from homeport.store.lock import Lock, holder
from homeport.store.tokens import TokenStore


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_data_dir_is_private_and_keeps_its_name(tmp_path: Path) -> None:
    made = open_data_dir(tmp_path / "a" / "b")
    assert mode(made.root) == 0o700
    assert all(
        mode(path) == 0o700 for path in (made.blobs, made.sources, made.images, made.containers, made.router, made.keys)
    )
    assert open_data_dir(made.root) == made
    assert made.instance != open_data_dir(tmp_path / "c").instance


def test_an_empty_directory_becomes_ours_and_private(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o755)
    (tmp_path / "d" / "lost+found").mkdir()
    assert mode(open_data_dir(tmp_path / "d").root) == 0o700


def test_settings_may_be_there_before_the_platform(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("cpu_overcommit = 4\n")
    assert open_data_dir(tmp_path).root == tmp_path


def test_a_directory_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    os.chmod(tmp_path, 0o755)
    with pytest.raises(InvalidError, match="not a homeport data directory"):
        open_data_dir(tmp_path)
    assert os.listdir(tmp_path) == ["photo.jpg"]
    assert mode(tmp_path) == 0o755


def test_a_directory_that_was_left_half_made_is_ours(tmp_path: Path) -> None:
    (tmp_path / ".homeport.json.123").write_bytes(b"{")
    assert open_data_dir(tmp_path).blobs.is_dir()


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ('{"format": 2, "instance": "x"}', "has format 2"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"format": 1}', "is damaged"),
    ],
)
def test_a_marker_that_we_do_not_understand_is_refused(tmp_path: Path, marker: str, problem: str) -> None:
    (tmp_path / "homeport.json").write_text(marker)
    with pytest.raises(PlatformError, match=problem):
        open_data_dir(tmp_path)


def test_a_place_where_no_directory_can_be_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidError, match="is not a directory"):
        open_data_dir(tmp_path / "file")
    with pytest.raises(PlatformError, match="can't be used: Not a directory"):
        open_data_dir(tmp_path / "file" / "below")


def test_a_second_control_plane_is_refused_and_the_first_named(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) is None
    first = Lock(path, "http://127.0.0.1:7300")
    code = f"from pathlib import Path; from homeport.store.lock import Lock; Lock(Path({str(path)!r}), 'http://second')"
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "homeport.errors.ConflictError" in second.stderr
    assert f"process {os.getpid()}, http://127.0.0.1:7300" in second.stderr
    found = holder(path)
    assert found is not None
    assert (found.pid, found.api_url) == (os.getpid(), "http://127.0.0.1:7300")
    with pytest.raises(ConflictError):
        Lock(path, "http://third")
    first.release()
    assert holder(path) is None
    Lock(path, "http://fourth").release()


def test_the_admin_token_is_private_lasting_and_good(tmp_path: Path) -> None:
    token = TokenStore(tmp_path).ensure_admin()
    again = TokenStore(tmp_path)
    assert again.ensure_admin() == token
    assert again.verify(token.token_id, token.secret) == "admin"
    assert json.loads((tmp_path / "admin-token.json").read_bytes()) == {
        "token_id": token.token_id,
        "token_secret": token.secret,
    }
    assert token.token_id.startswith("ak-")
    assert token.secret.startswith("as-")
    assert mode(tmp_path / "admin-token.json") == mode(tmp_path / "api-tokens.json") == 0o600
    assert token.secret not in (tmp_path / "api-tokens.json").read_text()
    assert token.secret not in repr(token)


def test_bad_credentials_are_nobodys(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    token = store.ensure_admin()
    assert [store.verify(*bad) for bad in ((token.token_id, "as-x"), ("ak-x", token.secret), ("", ""), ("é", "é"))] == [
        None
    ] * 4


@pytest.mark.parametrize("lost", ["admin-token.json", "api-tokens.json"])
def test_a_lost_token_file_is_made_anew_and_the_old_token_ends(tmp_path: Path, lost: str) -> None:
    old = TokenStore(tmp_path).ensure_admin()
    (tmp_path / lost).unlink()
    store = TokenStore(tmp_path)
    new = store.ensure_admin()
    assert store.verify(new.token_id, new.secret) == "admin"
    assert store.verify(old.token_id, old.secret) is None


def test_a_damaged_token_file_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "api-tokens.json").write_text("{")
    with pytest.raises(PlatformError, match=r"api-tokens\.json is damaged"):
        TokenStore(tmp_path)
