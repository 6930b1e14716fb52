"""What importing costs: nothing on the user's machine, and next to nothing inside a container."""

import subprocess
import sys
from pathlib import Path

import homeport
from homeport import errors

SOURCE = str(Path(homeport.__file__).parent.parent)
USER_FILE = """
import sys
sys.path.insert(0, {source!r})
before = set(sys.modules)
import {name} as modal
app = modal.App("x", image=modal.Image.debian_slim())
@app.server(port=0)  # is not checked here: it was, before it came into the container
class Server:
    @modal.enter()
    def start(self): pass
    @modal.exit()
    def stop(self): pass
assert app.registered_servers["Server"]._user_cls.__name__ == "Server"
print(" ".join(sorted(set(sys.modules) - before)))
"""


def loaded(code: str, **environ: str) -> set[str]:
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, env=environ, check=True)
    return set(done.stdout.split())


def test_importing_homeport_loads_nothing() -> None:
    code = "before = set(sys.modules); import homeport; print(*sorted(set(sys.modules) - before))"
    assert loaded(f"import sys; sys.path.insert(0, {SOURCE!r}); {code}") == {"__future__", "homeport"}


def test_a_container_loads_only_the_decorators() -> None:
    found = loaded(USER_FILE.format(source=SOURCE, name="homeport"), MODAL_IS_REMOTE="1")
    assert {name for name in found if name.startswith("homeport.")} == {
        "homeport.sdk",
        "homeport.sdk.app",
        "homeport.sdk.image",
        "homeport.sdk.image_chain",
        "homeport.sdk.image_packages",
        "homeport.sdk.image_steps",
        "homeport.sdk.lifecycle",
        "homeport.sdk.remote",
        "homeport.sdk.server",
        "homeport.sdk.twins",
    }
    assert not found & {"dataclasses", "inspect", "json", "re", "typing", "asyncio", "functools", "collections"}


def test_the_alias_is_cheap_too() -> None:
    code = USER_FILE.format(source=SOURCE, name="modal").replace(
        "before =", "from homeport import alias; alias.install(); before ="
    )
    found = loaded(code, MODAL_IS_REMOTE="1")
    assert not found & {"importlib", "dataclasses", "inspect", "json", "re", "typing", "functools"}


def test_every_public_name_is_there() -> None:
    for name in homeport.__all__:
        assert getattr(homeport, name) is not None
    assert set(homeport.__all__) <= set(dir(homeport))
    assert homeport.exception.NotFoundError is errors.NotFoundError
    assert issubclass(homeport.exception.DeployError, homeport.Error)
