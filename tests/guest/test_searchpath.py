"""Which folders of installed packages a container's Python gets, decided from folders on disk."""

from __future__ import annotations

from pathlib import Path

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


def test_plain_packages_do_not_need_site(tmp_path: Path) -> None:
    (tmp_path / "fastapi").mkdir()
    assert not needs_site([str(tmp_path)], "/nowhere/bin/python3")


def test_an_editable_install_needs_site(tmp_path: Path) -> None:
    (tmp_path / "__editable__.thing.pth").write_text("/src\n")
    assert needs_site([str(tmp_path)], "/nowhere/bin/python3")


def test_a_sitecustomize_needs_site(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("")
    assert needs_site([str(tmp_path)], "/nowhere/bin/python3")


def test_a_virtual_environment_needs_site(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("")
    assert needs_site([], str(tmp_path / "bin" / "python3"))
