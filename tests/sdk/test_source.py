"""Which files belong to a source, and what is refused."""

import hashlib
import os
from pathlib import Path

import pytest

from homeport.errors import ConflictError, InvalidError, ResourceExhaustedError
from homeport.sdk import source
from homeport.sdk.origin import Root

LIMIT = 10 * 1024 * 1024


def write(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        path = folder / name.replace("__slash__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def paths(folder: Path) -> list[str]:
    return [item.file.path for item in source.files_of([Root(folder, "pkg")], LIMIT)]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "pkg"
    folder.mkdir()
    (folder / "__init__.py").write_text("x = 1\n")
    return folder


def test_files_are_hashed_sorted_and_say_if_they_can_be_run(package: Path) -> None:
    (package / "z").mkdir()
    (package / "z/run.sh").write_text("#!/bin/sh\n")
    (package / "z/run.sh").chmod(0o755)
    (package / "a.txt").touch()
    found = source.files_of([Root(package, "pkg")], LIMIT)
    assert [item.file.path for item in found] == ["pkg/__init__.py", "pkg/a.txt", "pkg/z/run.sh"]
    assert [item.file.executable for item in found] == [False, False, True]
    assert found[0].file.digest == hashlib.sha256(b"x = 1\n").hexdigest()
    assert (found[0].file.size_bytes, found[1].file.size_bytes) == (6, 0)
    assert b"".join(source.chunks(found[0])) == b"x = 1\n"
    assert b"".join(source.chunks(found[1])) == b""


def test_caches_version_control_and_virtual_environments_are_left_out(package: Path) -> None:
    left_out = (
        "__pycache__/a.pyc stray.pyc .git/config .hg/x .svn/x .venv/x venv/x my-env/pyvenv.cfg my-env/lib/x.py "
        "node_modules/x.js .mypy_cache/x pkg.egg-info/x .DS_Store sub/__pycache__/x.pyc"
    )
    for path in (*left_out.split(), "sub/kept.py", ".hidden"):
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).touch()
    assert paths(package) == ["pkg/.hidden", "pkg/__init__.py", "pkg/sub/kept.py"]


def test_links_inside_the_folder_are_followed(package: Path) -> None:
    (package / "data").mkdir()
    (package / "data/one.txt").write_text("1")
    (package / "again").symlink_to("data")
    (package / "two.txt").symlink_to(package / "data/one.txt")
    assert paths(package) == ["pkg/__init__.py", "pkg/again/one.txt", "pkg/data/one.txt", "pkg/two.txt"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/hostname", "is a link out of"),
        ("../outside", "is a link out of"),
        ("nowhere", "is a link to nothing"),
        (".", "is a link to a folder that it is in"),
        ("link", "is a link to nothing"),
    ],
)
def test_a_link_that_leaves_or_loops_is_refused_by_name(package: Path, target: str, words: str) -> None:
    (package.parent / "outside").touch()
    (package / "link").symlink_to(target)
    with pytest.raises(InvalidError, match=f"{package}/link {words}"):
        paths(package)


def test_a_package_that_is_itself_a_link_is_followed(package: Path) -> None:
    (package.parent / "other").symlink_to(package)
    assert paths(package.parent / "other") == ["pkg/__init__.py"]


def test_what_is_no_file_is_refused(package: Path) -> None:
    os.mkfifo(package / "pipe")
    with pytest.raises(InvalidError, match="pipe is not a file that can be sent"):
        paths(package)


def test_a_name_that_is_not_utf8_is_refused(package: Path) -> None:
    Path(os.fsdecode(os.fsencode(package) + b"/a\xff")).touch()
    with pytest.raises(InvalidError, match="not UTF-8"):
        paths(package)


def test_a_source_over_the_limit_names_the_five_largest_files(package: Path) -> None:
    for number in range(1, 8):
        (package / f"f{number}.bin").write_bytes(b"x" * number * 1024 * 1024)
    with pytest.raises(ResourceExhaustedError) as caught:
        paths(package)
    message = caught.value.message
    assert message.startswith("The source has 28.0 MiB, and at most 10.0 MiB can be uploaded.")
    assert [f"f{number}.bin ({number}.0 MiB)" in message for number in range(1, 8)] == [False, False, *[True] * 5]


@pytest.mark.parametrize(("text", "limit"), [("", 100 * 1024**2), ("3", 3 * 1024**2)])
def test_the_limit_is_a_setting(text: str, limit: int) -> None:
    assert source.limit_bytes({"HOMEPORT_SOURCE_LIMIT_MIB": text}) == limit


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "٣"])
def test_a_limit_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="HOMEPORT_SOURCE_LIMIT_MIB"):
        source.limit_bytes({"HOMEPORT_SOURCE_LIMIT_MIB": text})


@pytest.mark.parametrize("content", ["y = 2\n", "x = 1\nmore", "x", ""])
def test_a_file_that_changes_during_the_deploy_is_named(package: Path, content: str) -> None:
    (found,) = source.files_of([Root(package, "pkg")], LIMIT)
    found.local.write_text(content)
    with pytest.raises(ConflictError, match=r"__init__\.py was modified during the deploy"):
        list(source.chunks(found))


def test_a_file_that_is_gone_during_the_deploy_is_named(package: Path) -> None:
    (found,) = source.files_of([Root(package, "pkg")], LIMIT)
    found.local.unlink()
    with pytest.raises(ConflictError, match=r"__init__\.py was modified during the deploy"):
        list(source.chunks(found))


def test_what_can_not_be_read_is_named(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InvalidError, match=r"__init__\.py can't be read: Permission denied\."):
        paths(package)


def test_a_large_file_is_read_a_piece_at_a_time(package: Path) -> None:
    (package / "__init__.py").write_bytes(bytes(range(256)) * 4096 * 3 + b"end")
    (found,) = source.files_of([Root(package, "pkg")], LIMIT)
    pieces = list(source.chunks(found))
    assert max(map(len, pieces)) <= source.CHUNK_BYTES
    assert b"".join(pieces) == (package / "__init__.py").read_bytes()
