"""A real start from a template, before anybody's container depends on it: everything but the user's code, to its end."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import shutil
from typing import Any, NamedTuple

from . import cgroup, process, start
from .containerdir import ContainerDir
from .host import Host
from .network import Lease
from .origin import FORK, Origin
from .steps import StepError
from .templatelaunch import Key

_SAID_BYTES_MAX = 4096


class Trial(NamedTuple):
    """`result` is an fd that becomes readable: nothing to read means that it worked."""

    result: int


NONE = Trial(-1)


def begin(host: Host, reply: int, key: Key, lease: Lease) -> Trial:
    """In a process of its own, because a template that hangs must not hold up anybody. Closes `reply`. Raises OSError."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        gc.disable()
        text = "the process of the trial failed"
        try:
            process.close_all_but([reply, write, lease.netns])
            text = _run(host, reply, key, lease)
        finally:
            with contextlib.suppress(BrokenPipeError):  # the template was let go meanwhile
                os.write(write, text.encode()[:_SAID_BYTES_MAX])
            os._exit(0)
    for fd in (write, reply, lease.netns):
        os.close(fd)
    return Trial(read)


def end(trial: Trial, poller: select.poll) -> str:
    """What was wrong, or "". Forgets it."""
    if trial.result < 0:
        return ""
    poller.unregister(trial.result)
    os.set_blocking(trial.result, False)
    said = b""
    with contextlib.suppress(BlockingIOError):  # let go before its end
        said = os.read(trial.result, _SAID_BYTES_MAX)
    os.close(trial.result)
    return said.decode(errors="replace")


def _run(host: Host, reply: int, key: Key, lease: Lease) -> str:
    directory = ContainerDir(host.trials, f"trial-{os.getpid()}")
    os.makedirs(directory.path, 0o700)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    begin = start.Start(host, directory, _spec(key), lease, null, null, Origin(FORK, reply), trial=True)
    try:
        code = begin.run(lambda begun: None).status()
        problem = "" if code == 0 else f"it ended with status {code}"
    except StepError as error:
        problem = str(error)
    cgroups = host.cgroups(directory.id)
    cgroup.kill_all(cgroups)
    cgroup.remove(cgroups)
    start.remove_files(directory)
    shutil.rmtree(directory.path, ignore_errors=True)
    return problem


def _spec(key: Key) -> dict[str, Any]:
    limits = {"cpu_milli": 125, "cpu_limit_milli": None, "memory_mib": 64, "memory_limit_mib": None}
    binds = [[key.library, key.library_at, True]]
    seen = {"layers": list(key.layers), "argv": list(key.argv), "env": dict(key.env), "cwd": "/root", "binds": binds}
    return {"hostname": "trial", **limits, **seen}
