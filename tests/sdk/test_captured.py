"""What makes a build function another one, and what of its package is sent for it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import homeport as modal
from homeport.images import chain
from homeport.manifest.schema import ImageRecipe
from homeport.sdk import trees
from homeport.sdk.build_function import Call
from homeport.sdk.needs import LocalFiles

from .resolving import EverythingThere

CODE = """
import dataclasses, datetime, decimal, enum, pathlib, re

class Kind(enum.Enum):
    A = 1
    B = 2

@dataclasses.dataclass
class Wanted:
    names: set
    inner: object = None

THING = {thing}

def ping(n):
    return pong(n - 1) if n else THING

def pong(n):
    return ping(n), {returned}

def fetch():
    return ping(3)
{more}
"""
COUNT = itertools.count()


class Package:
    """A file with a build function, written and imported anew for each of its forms."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def recipe(self, thing: str = "1", returned: str = "2", more: str = "") -> ImageRecipe:
        name = f"homeport_built_{next(COUNT)}"
        (self.folder / f"{name}.py").write_text(CODE.format(thing=thing, returned=returned, more=more))
        fetch = getattr(__import__(name), "fetch")  # noqa: B009 - the module is made above
        recipe = modal.Image.debian_slim("3.11").run_function(fetch)._recipe(EverythingThere())
        (step,) = recipe.steps
        assert step.function is not None
        entry = replace(step.function.entry, module="app", path="app.py")
        return replace(recipe, steps=(replace(step, function=replace(step.function, entry=entry)),))

    def digest(self, **form: str) -> str:
        return chain.of(self.recipe(**form)).digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    monkeypatch.syspath_prepend(tmp_path)
    return Package(tmp_path)


def test_a_comment_elsewhere_in_its_file_builds_nothing_again(package: Package) -> None:
    assert package.digest() == package.digest(more="# another comment\nUNUSED = 3")


def test_what_a_function_that_it_calls_does_counts(package: Package) -> None:
    assert package.digest() != package.digest(returned="3")


@pytest.mark.parametrize(
    ("thing", "other"),
    [
        ("1", "2"),
        ("{'a'}", "{'b'}"),
        ("frozenset({'a'})", "frozenset({'b'})"),
        ("[{'a': ('x', 1)}]", "[{'a': ('x', 2)}]"),
        ("pathlib.Path('/a')", "pathlib.Path('/b')"),
        ("Kind.A", "Kind.B"),
        ("Wanted({'a'})", "Wanted({'b'})"),
        ("datetime.date(2024, 1, 1)", "datetime.date(2024, 1, 2)"),
        ("decimal.Decimal('1')", "decimal.Decimal('2')"),
        ("re.compile('a')", "re.compile('b')"),
        ("(lambda: 1), (lambda: 2)", "(lambda: 1), (lambda: 3)"),
    ],
)
def test_a_changed_global_counts(package: Package, thing: str, other: str) -> None:
    assert package.digest(thing=thing) == package.digest(thing=thing)
    assert package.digest(thing=thing) != package.digest(thing=other)


def test_a_function_behind_decorators_counts(package: Package) -> None:
    more = "import functools\n@functools.wraps(pong)\ndef fetch(*args):\n    return pong(*args)"
    assert package.digest(more=more) != package.digest(more=more, returned="3")
    more = "class Callable:\n    def __call__(self): pass\n@functools.wraps(Callable())\ndef fetch(): return THING"
    more = f"import functools\n{more}"
    assert package.digest(more=more) != package.digest(more=more, thing="3")


def test_what_contains_itself_ends(package: Package) -> None:
    more = "THING = Wanted({1})\nTHING.inner = [THING]"
    assert package.digest(more=more) == package.digest(more=more)


def test_it_is_the_same_in_every_process(tmp_path: Path) -> None:
    thing = "[{'a', 'b', 'c', 'd'}, Wanted(frozenset('abcd')), object(), print, pathlib, {'x': {3, 'y', None}}]"
    (tmp_path / "built.py").write_text(CODE.format(thing=thing, returned="2", more=""))
    script = "import built; from homeport.sdk import captured; print(captured.digest_of(built.fetch))"
    seeds = [{**os.environ, "PYTHONHASHSEED": seed} for seed in ("1", "2")]
    said = [subprocess.check_output([sys.executable, "-c", script], cwd=tmp_path, env=env) for env in seeds]
    assert said[0] == said[1]


def test_only_source_is_sent_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    top = tmp_path / "homeport_packed"
    for name in ("__pycache__/__init__.cpython-311.pyc", ".git/config", "env/pyvenv.cfg", "env/lib/x.py", "data/a.txt"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).touch()
    (top / "__init__.py").write_text("def fetch():\n    return 1\n")
    asked: list[dict[str, LocalFiles]] = []

    class Remembers(EverythingThere):
        def tree(self, files: dict[str, LocalFiles]) -> str:
            asked.append(files)
            return super().tree(files)

    call = Call.of(__import__("homeport_packed").fetch, (), {})
    call.resolved(Remembers())
    call.resolved(Remembers())
    assert asked[0] == asked[1]
    sent = trees.of(asked[0]).tree
    assert [entry.path for entry in sent.entries] == ["homeport_packed/__init__.py", "homeport_packed/data/a.txt"]
