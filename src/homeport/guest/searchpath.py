"""`sys.path` and the builtins of `site`, without the cost of `site` where nothing there needs it.

`python -S` leaves out the folders of installed packages. They are put back here by looking at the disk; when a virtual
environment, a `.pth` file or a `sitecustomize` is involved, `site` itself does it, as it always would.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NEED_SITE = ("sitecustomize.py", "sitecustomize", "usercustomize.py", "usercustomize")


def install(first: list[str]) -> None:
    """`first`, then PYTHONPATH (which `-I` ignored), then the standard library, then installed packages."""
    standard = [path for path in sys.path if path not in first]
    packages = package_folders((sys.prefix, sys.exec_prefix, "/usr/local"), sys.version_info[:2])
    said = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if needs_site(packages, sys.executable):
        sys.path[:] = [*first, *said, *standard]
        import site

        site.main()
        return
    sys.path[:] = list(dict.fromkeys([*first, *said, *standard, *packages]))
    _add_builtins()


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


def needs_site(packages: list[str], executable: str) -> bool:
    """True when something is there that only `site` knows how to read."""
    folder = os.path.dirname(executable)
    if os.path.exists(f"{folder}/pyvenv.cfg") or os.path.exists(f"{os.path.dirname(folder)}/pyvenv.cfg"):
        return True
    return any(name.endswith(".pth") or name in NEED_SITE for path in packages for name in os.listdir(path))


def _add_builtins() -> None:
    import builtins
    from _sitebuiltins import Quitter, _Helper

    builtins.exit = Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.help = _Helper()
