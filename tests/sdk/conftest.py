"""Users' files in a folder of their own, and loading them without a trace in this process."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeport.sdk.load import Loaded, load
from homeport.sdk.ref import parse

SERVER = """
import homeport as modal
app = modal.App("hello")
@app.server(unauthenticated=True)
class Server:
    @modal.enter()
    def start(self): pass
"""

Load = Callable[..., Loaded]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes of files are not remembered from one test to the next."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loading(project: Path) -> Iterator[Load]:
    """`loading(ref, text)` writes `text` to the file of `ref` and loads it; `module=True` as -m does."""
    path, modules = list(sys.path), dict(sys.modules)

    def loader(ref: str, text: str | None = None, module: bool = False) -> Loaded:
        if text is not None:
            (project / ref.partition("::")[0]).write_text(text)
        return load(parse(ref, as_module=module))

    yield loader
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        if str(project) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
