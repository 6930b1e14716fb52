"""Trees: one value, one form, one digest; and nothing in them that could lead out of their folder."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.errors import InvalidError
from homeport.manifest import tree
from homeport.manifest.tree import Entry, File, Folder, Link, Tree

SHA = "a" * 64
NAMES = st.sampled_from(["a", "b", "é", "x y", "-"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
TARGETS = st.lists(st.sampled_from(["..", ".", "a", "b", "", "c/../.."]), max_size=5).map("/".join)
ENTRIES = st.one_of(
    st.builds(File, PATHS, st.just(SHA), st.just(3), st.booleans()),
    st.builds(Link, PATHS, TARGETS),
    st.builds(Folder, PATHS),
)


@given(st.lists(ENTRIES, max_size=6))
def test_a_legal_tree_is_read_back_from_its_bytes_and_an_illegal_one_never(entries: list[Entry]) -> None:
    made = Tree(tuple(sorted(entries, key=lambda entry: entry.path)))
    if list(tree.problems(made)):
        with pytest.raises(InvalidError):
            tree.loads(made.content)
    else:
        assert tree.loads(made.content) == made
        assert Tree.of(reversed(entries)).digest == made.digest


@given(st.text(), st.text(), st.integers(), st.booleans())
def test_its_bytes_are_json_as_python_writes_it(path: str, target: str, size_bytes: int, executable: bool) -> None:
    made = Tree((Folder(path), File(path, target, size_bytes, executable), Link(path, target)))
    kind = "exec" if executable else "file"
    document = {"entries": [["dir", path], [kind, path, target, size_bytes], ["link", path, target]], "tree": 1}
    assert made.content == json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


@given(links=st.lists(st.builds(Link, PATHS, TARGETS), min_size=1, max_size=5))
def test_no_link_of_a_legal_tree_leads_out_whatever_it_goes_through(
    tmp_path_factory: pytest.TempPathFactory, links: list[Link]
) -> None:
    made = Tree(tuple(sorted(links, key=lambda link: link.path)))
    if list(tree.problems(made)):
        return
    root = tmp_path_factory.mktemp("tree").resolve()
    for link in links:
        place = root / link.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(link.target)
    for link in links:
        real = Path(os.path.realpath(root / link.path))
        assert real == root or real.is_relative_to(root)


def test_the_form_is_what_it_was_in_the_first_release() -> None:
    made = Tree.of([Folder("e"), Link("p/l", "../f"), File("f", SHA, 3), File("p/run", SHA, 3, executable=True)])
    entries = f'["dir","e"],["file","f","{SHA}",3],["link","p/l","../f"],["exec","p/run","{SHA}",3]'
    assert made.content == f'{{"entries":[{entries}],"tree":1}}'.encode()


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([["file", "../x", SHA, 1]], "leaves its folder by '..'"),
        ([["file", "/etc/passwd", SHA, 1]], "The file '/etc/passwd' is absolute."),
        ([["file", "a//b", SHA, 1]], "is not normalised"),
        ([["file", "a\nb", SHA, 1]], "control character"),
        ([["file", "a" * 256, SHA, 1]], "too long"),
        ([["file", "a/" * 200 + "a", SHA, 1]], "lies in more than 199 folders"),
        ([["file", "", SHA, 1], ["file", "a", SHA, 1]], "is empty"),
        ([["dir", ""]], "is empty"),
        ([["file", "a", SHA, 1], ["file", "a", SHA, 1]], "listed twice"),
        ([["file", "a", SHA, 1], ["file", "a/b", SHA, 1]], "also a folder"),
        ([["link", "a", "b"], ["file", "a/b", SHA, 1]], "also a folder"),
        ([["dir", "a"], ["file", "a/b", SHA, 1]], "also a folder"),
        ([["file", "b", SHA, 1], ["file", "a", SHA, 1]], "must be sorted"),
        ([["file", "a", "A" * 64, 1]], "not a sha256"),
        ([["file", "a", SHA, -1]], "size that can't be"),
        ([["file", "a", SHA, 1], ["file", "b", SHA, 2]], "size that can't be"),
        ([["link", "a", "/etc"]], "The link 'a' has an absolute target"),
        ([["link", "a", ".."]], "leads out of its tree"),
        ([["link", "a/b", "../../c"]], "leads out of its tree"),
        ([["link", "a/b", "c/../../.."]], "leaves its folder by '..'"),
        ([["link", "a", ""]], "is empty"),
        ([["file", "a", SHA, True]], "no file of a tree"),
        ([["file", "a", SHA]], "no file of a tree"),
        ([["pipe", "a"]], "no file of a tree"),
        ([["file", "\ud800", SHA, 1]], "UTF-8"),
        ([{}], "no file of a tree"),
    ],
)
def test_what_no_tree_can_hold_is_refused_in_words(entries: list[object], words: str) -> None:
    with pytest.raises(InvalidError) as caught:
        tree.loads(json.dumps({"entries": entries, "tree": 1}, separators=(",", ":")).encode())
    assert words in caught.value.message


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b'{"entries":[]}', b'{"entries":[],"tree":2}', b'{"entries": [], "tree": 1}', b"[" * 9999],
)
def test_what_is_no_tree_or_not_in_its_one_form_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidError, match="tree"):
        tree.loads(content)


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "ENTRIES_MAX", 1)
    with pytest.raises(InvalidError, match="at most 1 files"):
        Tree.of([Folder("a"), Folder("b")])
    monkeypatch.setattr(tree, "BYTES_MAX", 10)
    with pytest.raises(InvalidError, match="at most 10 bytes"):
        tree.loads(b" " * 11)


def test_a_tree_can_be_a_single_file() -> None:
    made = Tree.of([File("", SHA, 3)])
    assert made.single == File("", SHA, 3)
    assert tree.loads(made.content) == made
    assert Tree.of([File("a", SHA, 3)]).single is None
