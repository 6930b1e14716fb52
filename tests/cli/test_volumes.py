"""`homeport volume`: what is asked, what is printed, and how places are named."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from homeport.cli.volume_refs import Place, places, upload
from homeport.errors import UsageError

from .conftest import FakePlatform, Result

ID = "vo-1"
INFO = {
    "volume_id": ID,
    "name": "data",
    "environment": "main",
    "created_at": "2026-11-21T10:00:00.000Z",
    "created_by": "ann",
}
FILE = {"path": "a/b", "type": "file", "mtime": 1_767_225_600, "size": 2048}


class Cli(Protocol):
    def __call__(self, *argv: str, stdin: bytes = b"") -> Result: ...


@pytest.fixture(autouse=True)
def data(platform: FakePlatform) -> None:
    platform.answers["POST /v1/volumes/resolve"] = {"volume_id": ID, "created": False}


def test_create_says_how_it_is_mounted(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/volumes"] = INFO
    result = cli("volume", "create", "data", "-e", "dev")
    assert result.out.splitlines()[0] == "✓ Created Volume 'data' in environment 'dev'."
    assert platform.asked[0].body == {"name": "data", "environment": "dev", "allow_existing": False}
    assert cli("volume", "create", "data", "--json").json == INFO
    assert cli("volume", "create", "a/b").err.startswith("Error: Invalid Volume name: 'a/b'")


def test_list_shows_all(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/volumes"] = {"volumes": [INFO]}
    assert cli("volume", "list").out.splitlines()[1].split() == ["data", "2026-11-21", "10:00:00+00:00", "ann"]
    assert cli("volume", "list", "--json").json == [INFO]


def test_ls_shows_a_folder_and_no_control_characters(cli: Cli, platform: FakePlatform) -> None:
    evil = {**FILE, "path": "\x1b[2J", "type": "symlink", "size": 0}
    platform.answers[f"GET /v1/volumes/{ID}/entries"] = {"entries": [FILE, evil], "next": None}
    lines = cli("volume", "ls", "data:/a").out.splitlines()
    assert lines[1].split() == ["a/b", "file", "2026-01-01", "00:00:00+00:00", "2.0", "KiB"]
    assert lines[2].split()[:2] == ["\\x1b[2J", "link"]
    assert platform.asked[1].query["path"] == "/a"
    assert cli("volume", "ls", "data", "--json").json == [FILE, evil]
    assert cli("volume", "ls", "data", "a", "b").code == 2


def test_rm_and_cp_name_what_they_did(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[f"DELETE /v1/volumes/{ID}/content"] = {}
    platform.answers[f"POST /v1/volumes/{ID}/copy"] = {}
    assert cli("volume", "rm", "data", "/a", "-r").out == "✓ /a was deleted successfully!\n"
    assert platform.asked[1].query == {"path": "/a", "recursive": "true"}
    assert cli("volume", "cp", "data:/a", "data:/b").out == "✓ Copied /a to /b.\n"
    assert platform.asked[3].body == {"sources": ["/a"], "destination": "/b", "recursive": False}
    assert (cli("volume", "rm", "data").code, cli("volume", "cp", "data", "a").code) == (2, 2)


def test_delete_asks_first_and_says_who_will_miss_it(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[f"GET /v1/volumes/{ID}/users"] = {"apps": [{"app_id": "ap-1", "name": "shop", "environment": "main"}]}
    platform.answers[f"DELETE /v1/volumes/{ID}"] = {"volume_id": ID, "name": "data"}
    asked = cli("volume", "delete", "data")
    assert (asked.code, asked.out) == (1, "")
    assert asked.err.startswith(
        "Are you sure you want to irrevocably delete the Volume 'data' and all of its data?\n"
        "It is used by shop: containers that run keep it until they end, later ones will fail to start, "
        "also when a Volume of this name is made again, until the App is deployed again.\n"
    )
    assert not any(request.method == "DELETE" for request in platform.asked)
    assert cli("volume", "delete", "data", "-y").out == "✓ Volume deleted: data.\n"


def test_delete_of_none_is_an_error_unless_that_is_fine(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/volumes/resolve"] = (404, "not_found", "Volume 'data' not found.")
    assert cli("volume", "delete", "data", "-y").code == 1
    assert cli("volume", "delete", "data", "-y", "--allow-missing").code == 0


def test_rename_asks_first(cli: Cli, platform: FakePlatform) -> None:
    platform.answers[f"PATCH /v1/volumes/{ID}"] = {**INFO, "name": "models"}
    assert cli("volume", "rename", "data", "models").code == 1
    assert cli("volume", "rename", "data", "models", "-y").out == "✓ Volume renamed: data is models now.\n"


def test_put_sends_nothing_that_is_not_there(cli: Cli, platform: FakePlatform, tmp_path: Path) -> None:
    result = cli("volume", "put", "data", str(tmp_path / "nothing"))
    assert (result.code, result.err) == (1, f"Error: There is no {tmp_path}/nothing on this machine.\n")
    assert [request.method for request in platform.asked] == ["POST"]


def test_put_into_a_folder_keeps_the_name(cli: Cli, platform: FakePlatform, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"123")
    platform.answers[f"POST /v1/volumes/{ID}/existing"] = {"existing": []}
    platform.answers[f"PUT /v1/volumes/{ID}/content"] = {}
    platform.answers[f"POST /v1/volumes/{ID}/commit"] = {}
    result = cli("volume", "put", str(tmp_path / "x.bin"), "data:/models/")
    assert (result.code, result.out) == (0, f"✓ Uploaded file '{tmp_path}/x.bin' to '/models/x.bin'.\n")
    (sent,) = [request for request in platform.asked if request.method == "PUT"]
    assert (sent.query["path"], sent.query["force"], sent.body) == ("models/x.bin", "false", b"123")
    platform.answers[f"POST /v1/volumes/{ID}/existing"] = {"existing": ["models/x.bin"]}
    again = cli("volume", "put", str(tmp_path / "x.bin"), "data:/models/")
    assert again.err == "Error: '/models/x.bin' exists already in the Volume; force=True (-f) overwrites it.\n"


def test_get_does_not_overwrite_unless_it_is_said(cli: Cli, platform: FakePlatform, tmp_path: Path) -> None:
    platform.answers[f"GET /v1/volumes/{ID}/entries"] = {"entries": [FILE], "next": None}
    platform.answers[f"GET /v1/volumes/{ID}/content"] = {"content": "of the file"}
    (tmp_path / "b").write_text("mine")
    kept = cli("volume", "get", "data", "a/b", str(tmp_path))
    assert (kept.code, (tmp_path / "b").read_text()) == (1, "mine")
    assert kept.err == f"Error: {tmp_path}/b exists already on this machine; --force (-f) overwrites it.\n"
    done = cli("volume", "get", "data", "a/b", str(tmp_path), "-f")
    assert (done.out, done.err) == ("", f"✓ Finished downloading 1 file to {tmp_path}.\n")
    assert (tmp_path / "b").read_text() == '{"content": "of the file"}'
    assert cli("volume", "get", "data:/a/b", "-").out == '{"content": "of the file"}'


def test_a_place_is_named_in_one_word_or_in_two() -> None:
    assert places(["data", "/a"]) == places(["data:/a"]) == ("data", ["/a"])
    assert places(["data"]) == ("data", [])
    assert places(["data:"]) == ("data", ["/"])
    assert places(["data:/a", "data:/b", "c"]) == ("data", ["/a", "/b", "c"])
    assert places(["data", "a:b"]) == ("data", ["a:b"])
    with pytest.raises(UsageError, match="Both paths have to be in one Volume"):
        places(["data:/a", "other:/b"])
    assert upload(["data", "./x"]) == ("./x", Place("data", "/"))
    assert upload(["data", "./x", "/y"]) == ("./x", Place("data", "/y"))
    assert upload(["./x", "data:/y/"]) == ("./x", Place("data", "/y/"))
    with pytest.raises(UsageError, match="Name a Volume, a local path"):
        upload(["data"])
