"""The script of a template: it stands where the guest's main.py stands, so that command line and paths are those of a
container started by crun. Prepares a Python once; each fork of it becomes a container and then runs the real main.py.

Runs in the image's Python, whichever that is, so it and all it imports is written for the oldest one.
"""

import sys

PLACE = "/run/homeport-template"  # our package is shown there, and only to templates


def main() -> None:
    """Returns in no process but a container's first one, when that has become one."""
    own_path = list(sys.path)
    lib = __file__.rsplit("/", 3)[0]
    sys.path.insert(0, lib)
    ours = __import__("homeport")  # the guest's, which has no spawner in it
    ours.__path__.append(PLACE)
    from homeport.spawner import preload, snapsource, template

    preload.load()
    child = template.Template().run()
    preload.refresh()
    if child.control >= 0:
        vars(sys.modules["homeport.guest.worker"])["snapshot"] = snapsource.Source(child.control)
    sys.path[:] = own_path
    ours.__path__.remove(PLACE)
    del ours.spawner
    for name in [name for name in sys.modules if name.startswith("homeport.spawner")]:
        del sys.modules[name]
    child.wait_until_told()


def run_guest(path: str) -> None:
    """As `python3 path` does it."""
    from types import ModuleType

    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = path
    with open(path, encoding="utf-8") as file:
        code = compile(file.read(), path, "exec")
    exec(code, module.__dict__)


if __name__ == "__main__":
    main()
    run_guest(__file__)
