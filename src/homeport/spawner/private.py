"""What is secret of a container, for as long as it lives: its secret environment, and files that hold all of it.

They are in a directory of their own in memory (`Host.private`), for root alone, and gone with the container, a reboot or the
platform. Owns these files; knows no container directory.
"""

from __future__ import annotations

import contextlib
import os
import shutil

from . import wire

ENV = "env.json"
BYTES_MAX = 8 << 20
_PLACES = ("/run", "/dev/shm")


def place(data_dir: str, tag: str) -> str:
    """A directory for this instance in a file system that is in memory; in the data directory where there is none."""
    for parent in _PLACES:
        if parent in _in_memory() and os.access(parent, os.W_OK):
            return f"{parent}/homeport-{tag}"
    return f"{data_dir}/run/private"


def make(memory: str) -> None:
    """For root alone. Raises OSError, also when somebody else made it: names in /dev/shm are anybody's."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(memory, 0o700)
    found = os.lstat(memory)
    if found.st_uid != os.geteuid() or not os.path.isdir(memory) or os.path.islink(memory):
        raise OSError(f"{memory} belongs to somebody else: remove it")
    os.chmod(memory, 0o700)
    for name in ("crun", "private"):
        os.makedirs(f"{memory}/{name}", 0o700, exist_ok=True)


def received(fd: int) -> dict[str, str]:
    """The environment in the file behind `fd`. Raises OSError, ValueError."""
    size = os.fstat(fd).st_size
    if size > BYTES_MAX:
        raise ValueError(f"a secret environment of {size} bytes is larger than {BYTES_MAX}")
    content = b""
    while len(content) < size and (piece := os.pread(fd, size - len(content), len(content))):
        content += piece
    return {str(name): str(value) for name, value in wire.decode(content).items()}


def put(private: str, container_id: str, env: dict[str, str]) -> None:
    """Raises OSError."""
    os.makedirs(f"{private}/{container_id}", 0o700, exist_ok=True)
    wire.write_json(file(private, container_id, ENV), env, durable=False)


def env(private: str, container_id: str) -> dict[str, str]:
    """Empty when there is none. Raises OSError."""
    return {str(name): str(value) for name, value in (wire.read_json(file(private, container_id, ENV)) or {}).items()}


def file(private: str, container_id: str, name: str) -> str:
    return f"{private}/{container_id}/{name}"


def _in_memory() -> set[str]:
    """Where a tmpfs is mounted."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
        parts = [line.partition(" - ") for line in mounts]
    return {place.split()[4] for place, _, kind in parts if kind.startswith("tmpfs ")}


def remove(private: str, container_id: str) -> None:
    """Idempotent."""
    shutil.rmtree(f"{private}/{container_id}", ignore_errors=True)
