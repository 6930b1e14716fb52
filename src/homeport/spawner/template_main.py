"""The script of a template: it stands where the guest's main.py stands, so that command line and paths are those of a
container started by crun. Prepares a Python once; each fork of it becomes a container and then runs the real main.py.

Runs in the image's Python, whichever that is, so it and all it imports is written for the oldest one.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

PLACE = "/run/homeport-template"  # our package is shown there, and only to templates
GUEST_MAIN = f"{PLACE}/main.py"  # the guest's, in whose place this file is


def main() -> CodeType:
    """Returns the guest's main.py, in no process but a container's first one, when that has become one."""
    own_path = list(sys.path)
    lib = __file__.rsplit("/", 3)[0]
    sys.path.insert(0, lib)
    ours = __import__("homeport")  # the guest's, which has no spawner in it
    ours.__path__.append(PLACE)
    from homeport.spawner import preload, snapsource, syscalls, template

    preload.load()
    with open(GUEST_MAIN, encoding="utf-8") as file:
        guest_main = compile(file.read(), __file__, "exec", dont_inherit=True)
    hidden = [name for name in sys.modules if name.startswith("homeport.spawner")]
    for name in hidden:
        syscalls.keep_for_good(sys.modules[name])
    child = template.Template().run()
    preload.refresh()
    if child.control >= 0:
        vars(sys.modules["homeport.guest.worker"])["snapshot"] = snapsource.Source(child.control)
    sys.path[:] = own_path
    ours.__path__.remove(PLACE)
    del ours.spawner
    for name in hidden:
        del sys.modules[name]
    child.wait_until_told()
    return guest_main


def run_guest(code: CodeType) -> None:
    """As `python3 path` does it."""
    from types import ModuleType

    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = __file__
    exec(code, module.__dict__)


if __name__ == "__main__":
    run_guest(main())
