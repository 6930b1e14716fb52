"""Patterns mean what they mean in a `.dockerignore`."""

from pathlib import Path

import pytest

import homeport
from homeport.errors import InvalidError
from homeport.file_pattern_matcher import NON_PYTHON_FILES, FilePatternMatcher
from homeport.sdk import ignore


@pytest.mark.parametrize(
    ("patterns", "path", "meant"),
    [
        # the examples of Docker's documentation
        ("*/temp*", "somedir/temporary.txt", True),
        ("*/temp*", "temporary.txt", False),
        ("*/temp*", "a/b/temporary.txt", False),
        ("*/*/temp*", "somedir/subdir/temporary.txt", True),
        ("temp?", "tempa", True),
        ("temp?", "temp", False),
        ("temp?", "tempab", False),
        ("**/*.go", "main.go", True),
        ("**/*.go", "a/b/main.go", True),
        ("*.md !README.md", "README.md", False),
        ("*.md !README.md", "OTHER.md", True),
        ("*.md !README*.md README-secret.md", "README-secret.md", True),
        ("*.md README-secret.md !README*.md", "README-secret.md", False),
        # a folder stands for all in it, also where it is named by wildcards
        ("node_modules", "node_modules/a/b.js", True),
        ("**/node_modules", "x/y/node_modules/a/b.js", True),
        ("node_modules", "x/node_modules/a.js", False),
        ("data !data/small.csv", "data/small.csv", False),
        ("data !data/small.csv", "data/large.csv", True),
        ("a/*", "a/b/c", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a**z", "a/b/z", True),
        ("**", "anything/at/all", True),
        # normalised, and relative to the folder
        ("/data", "data/x", True),
        ("./data/", "data/x", True),
        ("a/../b", "b", True),
        (".", "a", False),
        ("", "a", False),
        ("  a  ", "a", True),
        # characters that mean something only in patterns, or only in expressions
        ("*", "a/b", True),
        ("*.py", "axpy", False),
        ("a+b(c)$", "a+b(c)$", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("[ab].txt", "a.txt", True),
        ("[^ab].txt", "a.txt", False),
        ("[^ab].txt", "c.txt", True),
        ("a[^x]b", "a/b", False),
        ("[a-c]", "b", True),
        ("[|&~]", "|", True),
    ],
)
def test_a_path_is_meant_or_not(patterns: str, path: str, meant: bool) -> None:
    given = [patterns] if " " in patterns.strip() and not any(c in patterns for c in "*!") else patterns.split(" ")
    matcher = FilePatternMatcher(*given)
    assert matcher(Path(path)) is meant
    assert (~matcher)(Path(path)) is not meant


def test_what_is_python_is_not_the_rest() -> None:
    assert not NON_PYTHON_FILES(Path("a/b.py"))
    assert NON_PYTHON_FILES(Path("a/b.txt"))
    assert repr(NON_PYTHON_FILES) == "~FilePatternMatcher('**/*.py')"
    assert homeport.FilePatternMatcher is FilePatternMatcher


def test_a_folder_is_left_out_with_all_in_it_unless_something_may_be_taken_back() -> None:
    assert FilePatternMatcher("a", "**/b").can_prune_directories()
    assert not FilePatternMatcher("a", "!a/b").can_prune_directories()
    assert not (~FilePatternMatcher("a")).can_prune_directories()


def test_a_file_of_patterns_is_read_when_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / ".dockerignore"
    matcher = FilePatternMatcher.from_file(file)
    with pytest.raises(OSError, match="dockerignore"):
        matcher(Path("a"))
    file.write_text("# a comment\n\n*.log\n  \n!kept.log\n")
    assert matcher(Path("a.log"))
    assert not matcher(Path("kept.log"))
    assert not matcher(Path("# a comment"))


@pytest.mark.parametrize("pattern", ["!", "! ", "[a", "[", "[b-a]"])
def test_a_pattern_that_can_not_be_read_is_named(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        FilePatternMatcher(pattern)
    with pytest.raises(InvalidError, match="pattern"):
        ignore.ignored([pattern])


def test_what_to_ignore_is_patterns_or_a_function() -> None:
    assert ignore.ignored(None) is None
    assert ignore.ignored(()) is None
    patterns = ignore.ignored(["*.log"])
    assert patterns is not None
    assert patterns(Path("a.log"))
    function = Path.is_absolute
    assert ignore.ignored(function) is function
    for wrong in ("*.log", 3, [3]):
        with pytest.raises(InvalidError, match="must be a list of patterns or a function"):
            ignore.ignored(wrong)


def test_a_dockerfile_has_its_own_ignore_file_or_its_contexts(tmp_path: Path) -> None:
    dockerfile = tmp_path / "build" / "Dockerfile"
    dockerfile.parent.mkdir()
    assert ignore.of_dockerfile(dockerfile, tmp_path) is ignore.of_dockerfile(None, tmp_path) is None
    (tmp_path / ".dockerignore").write_text("a")
    general = ignore.of_dockerfile(dockerfile, tmp_path)
    assert general is not None
    assert general(Path("a"))
    (tmp_path / "build/Dockerfile.dockerignore").write_text("b")
    own = ignore.of_dockerfile(dockerfile, tmp_path)
    assert own is not None
    assert (own(Path("a")), own(Path("b"))) == (False, True)


def test_an_ignore_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("*.log\n[a\n")
    with pytest.raises(InvalidError, match=r"/\.dockerignore: The pattern '\[a' can't be read"):
        ignore.of_dockerfile(None, tmp_path)
