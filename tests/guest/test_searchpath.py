"""Which folders of installed packages a container's Python gets, decided from folders on disk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from homeport.guest import searchpath
from homeport.guest.searchpath import needs_site, package_folders


def test_folders_of_the_interpreter_and_of_debian_are_found_once_each(tmp_path: Path) -> None:
    for name in ("lib/python3.11/site-packages", "lib/python3.11/dist-packages", "lib/python3/dist-packages"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib/python3.12/site-packages").mkdir(parents=True)
    assert package_folders([str(tmp_path), str(tmp_path)], (3, 11)) == [
        f"{tmp_path}/lib/python3.11/site-packages",
        f"{tmp_path}/lib/python3.11/dist-packages",
        f"{tmp_path}/lib/python3/dist-packages",
    ]


def test_plain_packages_and_pth_files_do_not_need_the_whole_of_site() -> None:
    assert not needs_site(["fastapi", "distutils-precedence.pth"], "/nowhere/bin/python3")


def test_a_sitecustomize_needs_site() -> None:
    assert needs_site(["fastapi", "sitecustomize.py"], "/nowhere/bin/python3")


def test_a_virtual_environment_needs_site(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("")
    assert needs_site([], str(tmp_path / "bin" / "python3"))


def test_pth_files_are_followed_in_the_order_of_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, source = (tmp_path / name for name in ("one", "two", "source"))
    for folder in (one, two, source):
        folder.mkdir()
    (one / "__editable__.thing.pth").write_text(f"{source}\nimport sys; sys.argv.append('it ran')\n")
    monkeypatch.setattr(searchpath, "package_folders", lambda *_: [str(one), str(two)])
    monkeypatch.setattr(sys, "path", ["/standard"])
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(sys, "executable", "/nowhere/bin/python3")
    monkeypatch.setenv("PYTHONPATH", "/said")
    searchpath.install(["/first"])
    assert sys.path == ["/first", "/said", "/standard", str(one), str(source), str(two)]
    assert sys.argv == ["it ran"]
