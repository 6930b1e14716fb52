"""The house rules that a machine can check. There is no list of exemptions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "homeport"
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
PARAMETERS_MAX = 5  # before the `*`: what stands after it is named at every call, as in the public decorators

# Spelled so that this file passes its own rule.
BANNED_WORDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
BARE_IGNORE = re.compile(r"#\s*type:\s*ignore(?!\[[\w, -]+\]\s*(#|-|–|:)?\s*\w)")
IMPURE = frozenset(["asyncio", "time", "datetime", "random", "uuid", "os", "socket", "subprocess", "threading", "logging"])
MAY_PRINT = frozenset({"cli", "guest", "daemon", "sim", "spawner", "__main__", "supervisor"})
CATCHES_ALL = frozenset({"Exception", "BaseException"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    path: Path
    text: str
    tree: ast.Module

    @property
    def in_source(self) -> bool:
        return self.path.is_relative_to(SOURCE)

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def at(self, line: int) -> str:
        return f"{self.path.relative_to(ROOT)}:{line}"


@cache
def modules() -> tuple[Module, ...]:
    places = (SOURCE, *(ROOT / name for name in ("tests", "examples", "bench")))
    paths = sorted(path for place in places for path in place.rglob("*.py"))
    texts = [(path, path.read_text()) for path in paths]
    return tuple(Module(path, text, ast.parse(text, str(path))) for path, text in texts)


def none_of(offenders: Iterable[str]) -> None:
    found = list(offenders)
    assert not found, "\n".join(["against the house rules:", *found])


def source() -> Iterator[Module]:
    return (module for module in modules() if module.in_source)


def test_files_are_short() -> None:
    none_of(m.at(1) for m in modules() if len(m.text.splitlines()) > FILE_LINES_MAX)


def test_modules_say_what_they_own() -> None:
    none_of(m.at(1) for m in modules() if m.tree.body and not ast.get_docstring(m.tree))


def test_functions_are_short() -> None:
    none_of(m.at(f.lineno) for m in modules() for f in m.functions() if _lines(f) > FUNCTION_LINES_MAX)


def test_functions_have_few_parameters() -> None:
    none_of(m.at(f.lineno) for m in source() for f in m.functions() if _parameters(f) > PARAMETERS_MAX)


def test_nothing_is_left_for_later() -> None:
    none_of(m.at(n) for m in modules() for n, line in enumerate(m.text.splitlines(), 1) if BANNED_WORDS.search(line))


def test_ignored_type_errors_say_why() -> None:
    none_of(m.at(n) for m in source() for n, line in enumerate(m.text.splitlines(), 1) if BARE_IGNORE.search(line))


def test_only_the_edges_print() -> None:
    silent = [m for m in source() if not MAY_PRINT & {*m.path.relative_to(SOURCE).parts, m.path.stem}]
    none_of(m.at(node.lineno) for m in silent for node in ast.walk(m.tree) if _prints(node))


def test_no_error_is_swallowed() -> None:
    none_of(m.at(node.lineno) for m in modules() for node in ast.walk(m.tree) if _swallows(node))


def test_the_core_imports_nothing_impure() -> None:
    core = [m for m in source() if m.path.is_relative_to(SOURCE / "core")]
    none_of(m.at(node.lineno) for m in core for node in ast.walk(m.tree) if _imports(node) & IMPURE)


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("x = y  # type: ignore", True),
        ("x = y  # type: ignore[misc]", True),
        ("x = y  # type: ignore[misc]  # a loader by shape", False),
        ("x = y  # type: ignore[misc] - a loader by shape", False),
    ],
)
def test_the_rule_for_ignored_type_errors_wants_a_reason(line: str, bare: bool) -> None:
    assert bool(BARE_IGNORE.search(line)) is bare


def test_the_rule_against_swallowing_sees_what_it_forbids() -> None:
    tree = ast.parse("try:\n    x()\nexcept Exception:\n    pass\ntry:\n    x()\nexcept OSError:\n    pass\n")
    assert [node.lineno for node in ast.walk(tree) if _swallows(node)] == [3]


def _lines(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _parameters(node: Function) -> int:
    names = [argument.arg for argument in [*node.args.posonlyargs, *node.args.args]]
    return len(names) - (1 if names[:1] in (["self"], ["cls"]) else 0)


def _prints(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _swallows(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    catches_all = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in CATCHES_ALL)
    return catches_all and all(isinstance(each, ast.Pass | ast.Continue) for each in node.body)


def _imports(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    return {node.module.split(".")[0]} if isinstance(node, ast.ImportFrom) and node.module and not node.level else set()
