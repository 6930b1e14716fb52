"""Our package as containers see it: a copy in the data directory that outlives an upgrade of the one that is installed.

Only what may be imported inside a container is in it, byte-compiled, under a name that is the digest of its content.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import py_compile
import shutil
from pathlib import Path

import cloudpickle

CLOUDPICKLE = Path(cloudpickle.__file__).resolve().parent
PACKAGE = Path(__file__).resolve().parent.parent
PARTS = ("__init__.py", "alias.py", "errors.py", "exception.py", "client", "guest", "manifest", "sdk")


def ensure(data_dir: Path) -> Path:
    """The directory that holds `homeport/` for containers, made if it is not there yet. Raises OSError."""
    files = sorted(file for part in PARTS for file in _files(PACKAGE / part)) + sorted(_files(CLOUDPICKLE))
    target = data_dir / "guest" / _digest(files)
    if target.is_dir():
        return target
    temporary = target.with_name(f"{target.name}.tmp{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    for file in files:
        copy = temporary / _place(file)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    unchecked = (
        py_compile.PycInvalidationMode.UNCHECKED_HASH
    )  # the copy never changes, so nobody needs to look at the source
    compileall.compile_dir(temporary, quiet=2, invalidation_mode=unchecked, stripdir=str(temporary))
    os.rename(temporary, target)
    return target


def _place(file: Path) -> str:
    """`bundled` is no package: `sdk.pickled` looks there for what an image lacks."""
    if file.is_relative_to(PACKAGE):
        return f"homeport/{file.relative_to(PACKAGE)}"
    return f"bundled/cloudpickle/{file.relative_to(CLOUDPICKLE)}"


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*.py") if "__pycache__" not in file.parts]


def _digest(files: list[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        found.update(_place(file).encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]
