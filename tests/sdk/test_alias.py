"""`import modal` is homeport, unless the real package is there."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import homeport
from homeport import alias


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    alias.uninstall()
    yield
    alias.uninstall()
    for name in [name for name in sys.modules if name.partition(".")[0] == "modal"]:
        del sys.modules[name]


def test_modal_and_its_parts_are_the_same_modules() -> None:
    alias.install()
    alias.install()
    assert importlib.import_module("modal") is homeport
    assert importlib.import_module("modal.exception") is importlib.import_module("homeport.exception")
    assert homeport.__spec__ is not None
    assert (homeport.__name__, homeport.__spec__.name) == ("homeport", "homeport")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'modal\.nothing'"):
        importlib.import_module("modal.nothing")


def test_it_is_gone_after_uninstall() -> None:
    alias.install()
    importlib.import_module("modal.exception")
    alias.uninstall()
    assert "modal" not in sys.modules
    assert "modal.exception" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("modal")


def test_a_real_package_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modal").mkdir()
    (tmp_path / "modal/__init__.py").write_text("REAL = True")
    (tmp_path / "modal/exception.py").write_text("REAL = True")
    monkeypatch.syspath_prepend(tmp_path)
    alias.install()
    assert importlib.import_module("modal").REAL
    assert importlib.import_module("modal.exception").REAL
    alias.uninstall()
    assert "modal" in sys.modules


def test_a_bare_folder_of_that_name_is_not_the_real_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modal").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    alias.install()
    assert importlib.import_module("modal") is homeport
