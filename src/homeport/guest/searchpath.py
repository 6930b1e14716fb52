"""`sys.path` and the builtins of `site`, without the cost of `site` where nothing there needs it.

`python -S` leaves out the folders of installed packages. They are put back here by looking at the disk. Of `site` is
used what is needed: nothing, the part that reads `.pth` files (setuptools has one), or the whole of it when a
virtual environment or a `sitecustomize` is involved.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_CUSTOM = ("sitecustomize.py", "sitecustomize", "usercustomize.py", "usercustomize")


def install(first: list[str]) -> None:
    """`first`, then PYTHONPATH (which `-I` ignored), then the standard library, then installed packages."""
    standard = [path for path in sys.path if path not in first]
    packages = package_folders((sys.prefix, sys.exec_prefix, "/usr/local"), sys.version_info[:2])
    said = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = list(dict.fromkeys([*first, *said, *standard]))
    names = [name for folder in packages for name in os.listdir(folder)]
    if needs_site(names, sys.executable):
        import site

        site.main()
        return
    _add_builtins()
    if any(name.endswith(".pth") for name in names):
        import site

        for folder in packages:
            site.addsitedir(folder)
    else:
        sys.path += [folder for folder in packages if folder not in sys.path]


def tell_children(lib: str) -> None:
    """Processes that the user's code starts, as `uvicorn app:web`, import its files too, and those import us."""
    said = [os.environ.get("PYTHONPATH", ""), lib, f"{lib}/homeport/guest/children"]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, said))


def package_folders(prefixes: Iterable[str], version: tuple[int, int]) -> list[str]:
    """Where packages may be installed under `prefixes`, as far as the folders exist; Debian's own places included."""
    found: dict[str, None] = {}
    for prefix in dict.fromkeys(prefixes):
        for folder in (
            f"{prefix}/lib/python{version[0]}.{version[1]}/site-packages",
            f"{prefix}/lib/python{version[0]}.{version[1]}/dist-packages",
            f"{prefix}/lib/python{version[0]}/dist-packages",
        ):
            if os.path.isdir(folder):
                found[folder] = None
    return list(found)


def needs_site(names: list[str], executable: str) -> bool:
    """True when something is there that only the whole of `site` deals with. `names` are those of all installed packages."""
    folder = os.path.dirname(executable)
    if os.path.exists(f"{folder}/pyvenv.cfg") or os.path.exists(f"{os.path.dirname(folder)}/pyvenv.cfg"):
        return True
    return any(name in _CUSTOM for name in names)


def _add_builtins() -> None:
    import builtins
    from _sitebuiltins import Quitter, _Helper

    builtins.exit = Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.help = _Helper()
