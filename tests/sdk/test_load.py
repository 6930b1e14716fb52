"""From what is written on the command line to an App."""

import os
import py_compile
import sys
from pathlib import Path

import pytest

import homeport
from homeport.errors import InvalidError, NotFoundError, UsageError
from homeport.sdk.load import UserCodeError, load
from homeport.sdk.ref import AppRef, parse

from .conftest import SERVER, Load


@pytest.mark.parametrize(
    ("text", "as_module", "ref"),
    [
        ("hello.py", False, AppRef("hello.py", False)),
        ("a/b c/hello.py::app", False, AppRef("a/b c/hello.py", False, "app")),
        ("pkg.mod", True, AppRef("pkg.mod", True)),
        ("pkg.mod::app", True, AppRef("pkg.mod", True, "app")),
        ("hello", False, AppRef("hello", False)),
    ],
)
def test_a_reference_is_understood(text: str, as_module: bool, ref: AppRef) -> None:
    assert parse(text, as_module) == ref


@pytest.mark.parametrize(
    ("text", "as_module", "words"),
    [
        ("hello.py:app", False, "has a ':' in a wrong place; write FILE::APP"),
        ("hello.py:::app", False, "has a ':' in a wrong place"),
        ("hello.py::", False, "names no App after '::'"),
        ("hello.py::a.b", False, "names no App after '::'"),
        ("::app", False, "Name a file"),
        ("hello.py", True, "-m takes a module"),
        ("pkg/mod", True, "-m takes a module"),
        ("pkg..mod", True, "is not the name of a module"),
    ],
)
def test_a_reference_that_is_wrong_is_a_usage_error(text: str, as_module: bool, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse(text, as_module)


@pytest.mark.parametrize("line", ["import homeport as modal", "import modal", "import homeport\nmodal = homeport"])
def test_a_file_is_loaded_however_it_names_the_package(loading: Load, project: Path, line: str) -> None:
    loaded = loading("hello.py", SERVER.replace("import homeport as modal", line))
    assert (loaded.app.name, loaded.variable, loaded.path) == ("hello", "app", project / "hello.py")
    assert "modal" not in sys.modules


def test_a_module_is_loaded_from_the_current_folder(loading: Load, project: Path) -> None:
    (project / "pkg").mkdir()
    (project / "pkg/__init__.py").touch()
    (project / "pkg/mod.py").write_text(SERVER)
    assert loading("pkg.mod", module=True).path == project / "pkg/mod.py"


def test_a_file_finds_what_lies_beside_it_and_need_not_have_an_importable_name(loading: Load, project: Path) -> None:
    (project / "helper_of_test.py").write_text("NAME = 'from-helper'")
    loaded = loading("my-app.py", SERVER.replace('"hello"', "__import__('helper_of_test').NAME"))
    assert loaded.app.name == "from-helper"


def test_one_of_two_apps_is_picked_by_name(loading: Load) -> None:
    text = "import homeport\none = homeport.App('one')\ntwo = homeport.App('two')\nsame = one\nx = 1"
    with pytest.raises(InvalidError, match=r"defines 2 Apps: one, two\. Pick one, as in two\.py::one"):
        loading("two.py", text)
    assert loading("two.py::two").app.name == "two"
    with pytest.raises(NotFoundError, match="no App called 'three'; it has one, two, same"):
        loading("two.py::three")
    with pytest.raises(InvalidError, match=r"'x' in two\.py is not an App"):
        loading("two.py::x")


def test_an_app_that_another_one_includes_does_not_count(loading: Load) -> None:
    text = "import homeport\npart = homeport.App('part')\napp = homeport.App('whole').include(part)"
    assert loading("parts.py", text).app.name == "whole"


def test_what_is_not_there_is_named(loading: Load, project: Path) -> None:
    (project / "folder").mkdir()
    (project / "notes.txt").touch()
    with pytest.raises(NotFoundError, match=r"There is no file missing\.py"):
        loading("missing.py")
    with pytest.raises(UsageError, match=r"There is no file pkg\.mod; to deploy a module of that name, write `-m pkg.mod`"):
        loading("pkg.mod")
    with pytest.raises(InvalidError, match="folder is a folder"):
        loading("folder")
    with pytest.raises(InvalidError, match=r"notes\.txt is not a Python file"):
        loading("notes.txt")
    with pytest.raises(NotFoundError, match="There is no module 'surely_missing'"):
        loading("surely_missing.mod", module=True)
    with pytest.raises(InvalidError, match=r"modal\.py can't be loaded under that name"):
        loading("modal.py", SERVER)
    with pytest.raises(InvalidError, match="folder defines no App"):
        loading("folder", module=True)
    with pytest.raises(InvalidError, match=r"empty\.py defines no App; write"):
        loading("empty.py", "")


def test_a_file_that_raises_shows_its_own_lines_and_none_of_ours(loading: Load) -> None:
    text = "def deeper():\n    return {}['key']\ntry:\n    deeper()\nexcept KeyError as error:\n"
    text += "    raise RuntimeError('no key') from error\n"
    with pytest.raises(UserCodeError) as caught:
        loading("broken.py", text)
    assert caught.value.message == "broken.py can't be loaded: RuntimeError: no key (broken.py, line 6)"
    shown = caught.value.traceback_text
    assert "return {}['key']" in shown
    assert "RuntimeError: no key" in shown
    assert str(Path(homeport.__file__).parent) not in shown
    assert "importlib" not in shown
    assert "broken" not in sys.modules


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = (", "SyntaxError: '(' was never closed (broken.py, line 1)"),
        (
            "import surely_missing_package",
            "ModuleNotFoundError: No module named 'surely_missing_package' (broken.py, line 1)",
        ),
        ("import sys\nsys.exit(3)", "it ends the process (sys.exit) (broken.py, line 2)"),
        ("raise ValueError", "ValueError (broken.py, line 1)"),
    ],
)
def test_each_way_to_fail_is_one_line(loading: Load, text: str, words: str) -> None:
    with pytest.raises(UserCodeError) as caught:
        loading("broken.py", text)
    assert caught.value.message == f"broken.py can't be loaded: {words}"


def test_a_setting_that_is_not_legal_is_told_with_its_line(loading: Load) -> None:
    with pytest.raises(InvalidError) as caught:
        loading("port.py", SERVER.replace("unauthenticated=True", "port=0"))
    assert caught.value.message == "Port must be a positive integer between 1 and 65535. (port.py, line 4)"


def test_an_error_inside_a_module_is_not_taken_for_a_missing_module(loading: Load, project: Path) -> None:
    (project / "pkgx").mkdir()
    (project / "pkgx/__init__.py").write_text("import surely_missing_package")
    with pytest.raises(UserCodeError, match="No module named 'surely_missing_package'"):
        loading("pkgx.mod", module=True)
    with pytest.raises(UserCodeError, match="No module named 'surely_missing_package'"):
        loading("pkgx", module=True)


def test_a_file_that_uses_the_real_modal_is_told_so(loading: Load, project: Path) -> None:
    (project / "modal").mkdir()
    (project / "modal/__init__.py").write_text("class App:\n    def __init__(self, name): pass")
    with pytest.raises(InvalidError, match="uses the `modal` package that is installed here"):
        loading("real.py", "import modal\napp = modal.App('x')")
    sys.modules.pop("modal", None)


def test_a_file_that_was_changed_within_a_second_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "hasty.py"
    for name in ("first", "other"):
        path.write_text(f"import homeport\napp = homeport.App({name!r})\n")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert load(parse(str(path), as_module=False)).app.name == name
        py_compile.compile(str(path), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)


def test_loading_leaves_nothing_in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "neighbour.py").write_text("NAME = 'tidy'\n")
    path = tmp_path / "clean.py"
    path.write_text("import homeport, neighbour\napp = homeport.App(neighbour.NAME)\n")
    load(parse(str(path), as_module=False))
    assert sorted(found.name for found in tmp_path.iterdir()) == ["clean.py", "neighbour.py"]
    assert sys.dont_write_bytecode is False
