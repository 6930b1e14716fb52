"""Local files as trees: what belongs to them, hashes that are remembered, and files that change meanwhile."""

import hashlib
import os
from pathlib import Path

import pytest

from homeport.errors import ConflictError, InvalidError, NotFoundError
from homeport.file_pattern_matcher import FilePatternMatcher
from homeport.manifest.tree import File, Folder, Link, Tree
from homeport.sdk import hashes, trees
from homeport.sdk.needs import LocalFiles
from homeport.sdk.resolve import PlatformResolver
from homeport.sdk.scan import Found

from .platform import FakePlatform

OLD_S = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that were left alone for long."""
    made = tmp_path / "data"
    for path in ("a.txt", "sub/b.py", "sub/c.txt"):
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(path)
        os.utime(made / path, (OLD_S, OLD_S))
    return made


def tree(folder: Path, ignored: object = None, at: str = "") -> Tree:
    return trees.of({at: LocalFiles(folder, ignored)}).tree  # type: ignore[arg-type]  # a function of a path, or None


def paths(folder: Path, ignored: object = None) -> list[str]:
    return [entry.path for entry in tree(folder, ignored).entries]


def test_a_folder_is_the_tree_or_a_part_of_it_and_a_file_may_be_all_of_it(folder: Path) -> None:
    assert paths(folder) == ["a.txt", "sub/b.py", "sub/c.txt"]
    files = {"x/y": LocalFiles(folder / "sub"), "z.txt": LocalFiles(folder / "a.txt")}
    assert [entry.path for entry in trees.of(files).tree.entries] == ["x/y/b.py", "x/y/c.txt", "z.txt"]
    single = tree(folder / "a.txt").single
    assert single == File("", hashlib.sha256(b"a.txt").hexdigest(), 5)


def test_patterns_leave_out_folders_with_all_that_is_in_them(folder: Path) -> None:
    assert paths(folder, FilePatternMatcher("sub")) == ["a.txt"]
    assert paths(folder, FilePatternMatcher("sub", "!sub/b.py")) == ["a.txt", "sub/b.py"]
    assert paths(folder, ~FilePatternMatcher("**/*.py")) == ["sub/b.py"]


def test_a_function_of_the_users_is_asked_of_files_with_paths_relative_to_the_folder(folder: Path) -> None:
    asked: list[Path] = []

    def ignored(path: Path) -> bool:
        asked.append(path)
        return path.suffix != ".py"

    assert paths(folder, ignored) == ["sub/b.py"]
    assert sorted(asked) == [Path("a.txt"), Path("sub/b.py"), Path("sub/c.txt")]


def test_an_ignore_that_fails_is_said_with_the_path_that_it_was_asked_of(folder: Path) -> None:
    with pytest.raises(InvalidError, match=r"`ignore` failed for .*/data/\S+: ZeroDivisionError"):
        paths(folder, lambda path: 1 / 0)
    (folder / "sub/patterns").write_text("[a")
    with pytest.raises(InvalidError, match=r"`ignore` failed for .*: The pattern '\[a' can't be read"):
        paths(folder, FilePatternMatcher.from_file(folder / "sub/patterns"))


def test_a_link_out_of_the_folder_is_sent_as_the_file_it_shows_and_a_folder_there_is_refused(folder: Path) -> None:
    (folder.parent / "outside.txt").write_text("out")
    (folder / "l").symlink_to("../outside.txt")
    (folder / "inside").symlink_to(folder / "sub")
    found = tree(folder, at="p")
    assert File("p/l", hashlib.sha256(b"out").hexdigest(), 3) in found.entries
    assert Link("p/inside", "sub") in found.entries
    (folder / "other").symlink_to(folder.parent)
    with pytest.raises(InvalidError, match="data/other is a link out of"):
        tree(folder)


def test_executable_bits_unicode_and_empty_folders_are_kept(folder: Path) -> None:
    (folder / "a.txt").chmod(0o755)
    (folder / "größe 🎉.txt").write_text("x")
    (folder / "empty").mkdir()
    found = {entry.path: entry for entry in tree(folder).entries}
    assert found["a.txt"] == File("a.txt", hashlib.sha256(b"a.txt").hexdigest(), 5, executable=True)
    assert "größe 🎉.txt" in found
    assert found["empty"] == Folder("empty")


@pytest.mark.parametrize(
    ("name", "words"), [(b"bad\xff", r"bad\\udcff has a name that is not UTF-8"), (b"a\nb", "holds a control character")]
)
def test_a_name_that_can_not_be_sent_is_refused(folder: Path, name: bytes, words: str) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).touch()
    with pytest.raises(InvalidError, match=words):
        tree(folder)


def test_what_is_not_there_or_no_file_is_named(folder: Path) -> None:
    with pytest.raises(NotFoundError, match=f"There is no local file or folder {folder}/none"):
        tree(folder / "none")
    os.mkfifo(folder / "pipe")
    with pytest.raises(InvalidError, match="pipe is not a file that can be sent"):
        tree(folder)


def test_two_local_files_at_one_path_are_refused(folder: Path) -> None:
    with pytest.raises(InvalidError, match="is listed twice, or is also a folder"):
        trees.of({"x": LocalFiles(folder / "a.txt"), "x/y": LocalFiles(folder)})


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that are read from now on."""
    read: list[str] = []
    hash_one = hashes._hash

    def counting(found: Found, during: str) -> bytes:
        read.append(found.path)
        return hash_one(found, during)

    monkeypatch.setattr(hashes, "_hash", counting)
    return read


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a minute later than files say."""
    now_ns = hashes.time.time_ns
    monkeypatch.setattr(hashes.time, "time_ns", lambda: now_ns() + 60_000_000_000)


@pytest.mark.usefixtures("later")
def test_a_second_look_reads_only_what_has_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, read = tree(folder), counted(monkeypatch)
    assert tree(folder) == first
    assert read == []
    (folder / "sub/b.py").write_text("other!!!")
    os.utime(folder / "sub/b.py", (OLD_S, OLD_S))  # same size and time of modification
    assert tree(folder) != first
    assert read == ["sub/b.py"]


def test_what_changed_just_now_is_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newest_ns = max(path.stat().st_ctime_ns for path in folder.rglob("*"))
    monkeypatch.setattr(hashes.time, "time_ns", lambda: newest_ns + 1_000_000_000)
    tree(folder)
    read = counted(monkeypatch)
    tree(folder)
    assert len(read) == 3


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: b"", lambda c: c[:40] + b"x" + c[41:], lambda c: b"{}"])
def test_a_memory_that_is_damaged_is_as_good_as_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, damage: "object"
) -> None:
    first = tree(folder)
    memory = hashes._memory_path(folder)
    assert memory is not None
    memory.write_bytes(damage(memory.read_bytes()))  # type: ignore[operator]  # one of the functions above
    read = counted(monkeypatch)
    assert tree(folder) == first
    assert len(read) == 3
    assert tree(folder) == first
    assert len(read) == 3


def test_without_a_place_to_remember_everything_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert paths(folder) == ["a.txt", "sub/b.py", "sub/c.txt"]


def test_a_file_that_changes_while_it_is_hashed_is_named_in_the_words_of_a_build(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_one = hashes._hash

    def change_first(found: Found, during: str) -> bytes:
        Path(found.local).write_text("changed!")
        return hash_one(found, during)

    monkeypatch.setattr(hashes, "_hash", change_first)
    with pytest.raises(ConflictError, match=r"/data/\S+ was modified during build process\."):
        tree(folder)


def test_the_resolver_looks_once_and_remembers_what_to_send(folder: Path) -> None:
    resolver = PlatformResolver(FakePlatform().client(), "main")
    digest = resolver.tree({"": LocalFiles(folder)})
    (folder / "new.txt").touch()
    assert resolver.tree({"": LocalFiles(folder)}) == digest
    assert resolver.tree({"x": LocalFiles(folder)}) != digest
    assert next(each.tree.digest for each in resolver.trees) == digest
    assert len(resolver.trees) == 2
