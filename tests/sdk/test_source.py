"""Which files belong to a source, and what is refused."""

import hashlib
import os
from pathlib import Path

import pytest

from homeport.errors import InvalidError, ResourceExhaustedError
from homeport.manifest.tree import File, Folder, Link, Tree
from homeport.sdk import source
from homeport.sdk.origin import Root

LIMIT = 10 * 1024 * 1024


def write(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        path = folder / name.replace("__slash__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def paths(folder: Path) -> list[str]:
    return [entry.path for entry in tree(folder).entries]


def tree(folder: Path) -> Tree:
    return source.tree_of([Root(folder, "pkg")], LIMIT).tree


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
    assert tree(package).entries == (
        File("pkg/__init__.py", hashlib.sha256(b"x = 1\n").hexdigest(), 6),
        File("pkg/a.txt", hashlib.sha256(b"").hexdigest(), 0),
        File("pkg/z/run.sh", hashlib.sha256(b"#!/bin/sh\n").hexdigest(), 10, executable=True),
    )


def test_caches_version_control_and_virtual_environments_are_left_out(package: Path) -> None:
    left_out = (
        "__pycache__/a.pyc stray.pyc .git/config .hg/x .svn/x .venv/x venv/x my-env/pyvenv.cfg my-env/lib/x.py "
        "node_modules/x.js .mypy_cache/x pkg.egg-info/x .DS_Store sub/__pycache__/x.pyc"
    )
    for path in (*left_out.split(), "sub/kept.py", ".hidden"):
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).touch()
    assert paths(package) == ["pkg/.hidden", "pkg/__init__.py", "pkg/sub/kept.py"]


def test_links_inside_the_folder_stay_links_in_their_shortest_form(package: Path) -> None:
    (package / "data").mkdir()
    (package / "data/one.txt").write_text("1")
    (package / "again").symlink_to("data")
    (package / "two.txt").symlink_to(package / "again/one.txt")
    (package / "data/back").symlink_to("../../pkg")
    assert [entry for entry in tree(package).entries if isinstance(entry, Link)] == [
        Link("pkg/again", "data"),
        Link("pkg/data/back", ".."),
        Link("pkg/two.txt", "data/one.txt"),
    ]


def test_a_link_to_a_file_that_is_left_out_is_sent_as_that_file(package: Path) -> None:
    (package / "__pycache__").mkdir()
    (package / "__pycache__/x").write_text("1")
    (package / "x").symlink_to("__pycache__/x")
    assert tree(package).entries[-1] == File("pkg/x", hashlib.sha256(b"1").hexdigest(), 1)


def test_a_folder_with_nothing_in_it_is_sent_and_one_with_caches_alone_is_not(package: Path) -> None:
    (package / "empty").mkdir()
    (package / "cached/__pycache__").mkdir(parents=True)
    assert Folder("pkg/empty") in tree(package).entries
    assert paths(package) == ["pkg/__init__.py", "pkg/empty"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/hostname", "is a link out of"),
        ("../outside", "is a link out of"),
        ("nowhere", "is a link to nothing"),
        ("link", "is a link to nothing"),
        ("__pycache__", "is a link to .*/pkg/__pycache__, which is left out"),
    ],
)
def test_a_link_that_leaves_or_loops_is_refused_by_name(package: Path, target: str, words: str) -> None:
    (package.parent / "outside").touch()
    (package / "__pycache__").mkdir()
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


def test_what_can_not_be_read_is_named(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InvalidError, match=r"__init__\.py can't be read: Permission denied\."):
        paths(package)
