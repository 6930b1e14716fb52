"""What a process that was forked from a memory snapshot must not share with its siblings: places in open files, random
numbers, secrets, and what libraries remember of process, machine and time. Imports nothing that is not loaded.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

from . import preload

_BY_PYTHON = ("LC_CTYPE", "PYTHONUNBUFFERED")  # set at its start, by itself or for it
_BY_THE_GUEST = ("PYTHONPATH",)  # made from the container's own, which is the same in all of them
_FOR_THE_GUEST = "HOMEPORT_GUEST_"


def files(fds: list[int]) -> None:
    """Each gets a position of its own, in the file that it was. Needs /proc. Raises OSError."""
    for fd in fds:
        flags = os.O_RDONLY | os.O_CLOEXEC
        with contextlib.suppress(OSError):  # no file any more that could be opened again, as a socket of the kernel
            new = os.open(f"/proc/self/fd/{fd}", flags)
            with contextlib.suppress(OSError):  # a device
                os.lseek(new, os.lseek(fd, 0, os.SEEK_CUR), os.SEEK_SET)
            os.dup2(new, fd, inheritable=os.get_inheritable(fd))
            os.close(new)


def environment(before: dict[str, str], env: dict[str, str]) -> None:
    """The container's own, with what the user's code has changed since it was `before`."""
    now = dict(os.environ)
    changed = {name: value for name, value in now.items() if before.get(name) != value}
    ours = {name: before[name] for name in _BY_PYTHON if name in before}
    mine = {name: value for name, value in env.items() if not name.startswith(_FOR_THE_GUEST)}
    mine |= {name: before[name] for name in _BY_THE_GUEST if name in before}
    kept = {name: value for name, value in {**ours, **mine}.items() if name in now or name not in before}
    os.environ.clear()
    os.environ.update({**kept, **changed})


def modules() -> None:
    """`random` itself is seeded by Python at each fork; generators that the user's code made keep their state."""
    preload.refresh()
    for name, renew in _RENEWED.items():
        if name in sys.modules:
            renew(vars(sys.modules[name]))


def _numpy(names: dict[str, object]) -> None:
    seed = names.get("seed")
    if callable(seed):
        seed()


def _uuid(names: dict[str, object]) -> None:
    names.update(_node=None, _last_timestamp=None)


def _multiprocessing(names: dict[str, object]) -> None:
    """The key with which processes of one container trust each other."""
    current = names.get("current_process")
    if callable(current):
        current().authkey = os.urandom(32)


_RENEWED: dict[str, Callable[[dict[str, object]], None]] = {
    "numpy.random": _numpy,
    "uuid": _uuid,
    "multiprocessing.process": _multiprocessing,
}
