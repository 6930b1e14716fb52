"""From an App to its manifest and files."""

import sys
from pathlib import Path

import pytest

import homeport
from homeport.errors import ExecutionError, InvalidError
from homeport.manifest import digest
from homeport.manifest.schema import Entry
from homeport.sdk.collect import Collected, LocalMount, collect

from .conftest import SERVER, Load
from .resolving import EverythingThere

LIMIT = 1024 * 1024


def collected(app: homeport.App, name: str | None = None) -> Collected:
    return collect(app, name, LIMIT, EverythingThere())


def paths(found: Collected) -> list[str]:
    assert found.source is not None
    assert found.manifest.source == found.source.tree.digest
    return [entry.path for entry in found.source.tree.entries]


def test_a_file_is_its_own_source(loading: Load, project: Path) -> None:
    (project / "other.txt").touch()
    found = collected(loading("hello.py", SERVER).app)
    assert found.manifest.name == "hello"
    assert paths(found) == ["hello.py"]
    assert found.manifest.servers[0].entry == Entry("hello", "Server", "hello.py")
    assert found.mounts == (LocalMount(str(project / "hello.py"), "/root/hello.py"),)
    assert found.folder == project


def test_local_files_of_an_image_are_told_as_mounts(
    loading: Load, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(EverythingThere, "tree", lambda *_: "a" * 64)
    (project / "conf").mkdir()
    image = "modal.Image.debian_slim('3.11').add_local_dir('conf', '/etc/app')"
    found = collected(loading("hello.py", SERVER.replace("unauthenticated=True", f"image={image}")).app)
    assert found.mounts[1:] == (LocalMount(str(project / "conf"), "/etc/app"),)


def test_a_module_brings_its_whole_top_package(loading: Load, project: Path) -> None:
    (project / "pkgc/sub").mkdir(parents=True)
    for path in ("pkgc/__init__.py", "pkgc/helper.py", "pkgc/sub/__init__.py"):
        (project / path).touch()
    (project / "pkgc/sub/mod.py").write_text(SERVER)
    found = collected(loading("pkgc.sub.mod", module=True).app)
    assert paths(found) == [
        "pkgc/__init__.py",
        "pkgc/helper.py",
        "pkgc/sub/__init__.py",
        "pkgc/sub/mod.py",
    ]
    assert found.manifest.servers[0].entry == Entry("pkgc.sub.mod", "Server")
    assert found.mounts == (LocalMount(str(project / "pkgc"), "/root/pkgc"),)


def test_a_package_without_init_and_one_that_is_its_own_module_are_found(loading: Load, project: Path) -> None:
    (project / "spaced").mkdir()
    (project / "spaced/mod.py").write_text(SERVER)
    (project / "itself").mkdir()
    (project / "itself/__init__.py").write_text(SERVER)
    spaced, itself = loading("spaced.mod", module=True), loading("itself", module=True)
    assert paths(collected(spaced.app)) == ["spaced/mod.py"]
    assert paths(collected(itself.app)) == ["itself/__init__.py"]
    assert collected(itself.app).manifest.servers[0].entry == Entry("itself", "Server")


def test_the_same_file_gives_the_same_manifest_however_it_was_loaded(loading: Load, project: Path) -> None:
    by_file = digest.of(collected(loading("same.py", SERVER).app).manifest)
    del sys.modules["same"]
    assert digest.of(collected(loading("same", module=True).app).manifest) == by_file
    (project / "same.py").write_text(SERVER + "\n# changed")
    assert digest.of(collected(loading("same.py").app).manifest) != by_file


def test_a_server_from_another_module_brings_that_too(loading: Load, project: Path) -> None:
    (project / "parts_of_test.py").write_text(SERVER.replace("Server:", "Part:").replace("app", "part"))
    text = SERVER + "\nfrom parts_of_test import part\napp.include(part)\ndel part"
    found = collected(loading("whole.py", text).app)
    assert paths(found) == ["parts_of_test.py", "whole.py"]
    assert [(server.name, server.entry.path) for server in found.manifest.servers] == [
        ("Part", "parts_of_test.py"),
        ("Server", "whole.py"),
    ]


def test_the_given_name_goes_before_the_apps_own(loading: Load) -> None:
    app = loading("named.py", SERVER).app
    assert collected(app, "other").manifest.name == "other"
    with pytest.raises(InvalidError, match="Invalid App name: 'a b'"):
        collected(app, "a b")


def test_an_app_without_any_name_is_refused_in_the_documented_words(loading: Load) -> None:
    app = loading("unnamed.py", SERVER.replace('"hello"', "")).app
    words = "You need to either supply an explicit deployment name on the command line or have a name set on the App."
    with pytest.raises(ExecutionError) as caught:
        collected(app)
    assert caught.value.message == words
    assert collected(app, "given").manifest.name == "given"


def test_an_app_without_servers_has_nothing_to_deploy() -> None:
    with pytest.raises(InvalidError, match="App 'x' has nothing to deploy"):
        collected(homeport.App("x"))


def test_leaving_the_source_out_is_refused_where_nothing_else_brings_it(loading: Load) -> None:
    app = loading("bare.py", SERVER.replace("unauthenticated=True", "include_source=False")).app
    with pytest.raises(InvalidError, match=r"nothing in its image brings bare\.py"):
        collected(app)


def test_the_source_can_be_left_out_where_the_image_may_bring_it(loading: Load) -> None:
    image = "modal.Image.debian_slim('3.11').dockerfile_commands('RUN touch /root/brought.py')"
    text = SERVER.replace("unauthenticated=True", f"image={image}").replace('"hello"', '"hello", include_source=False')
    found = collected(loading("brought.py", text).app)
    assert (found.manifest.source, found.source, found.mounts) == ("", None, ())
    assert found.manifest.servers[0].entry.path == "brought.py"


def test_servers_whose_urls_would_be_the_same_are_refused(loading: Load) -> None:
    second = "\n@app.server(name='server')\nclass Second:\n    @modal.enter()\n    def start(self): pass\n"
    with pytest.raises(InvalidError, match="would have the same URL"):
        collected(loading("urls.py", SERVER + second).app)


def test_a_class_in_no_file_can_not_be_sent() -> None:
    app = homeport.App("x")
    made = type("Made", (), {"__module__": "nowhere", "start": homeport.enter()(lambda self: None)})
    app.server()(made)
    with pytest.raises(InvalidError, match="Server class Made has no file that can be uploaded"):
        collected(app)
