"""Takes from the calling process what nothing in a container may have: capabilities, files without number, system calls.

Imports nothing while it works: the caller may be inside a container's files already.
"""

from __future__ import annotations

import errno
import os
import resource
from typing import Any

from . import syscalls

_CAPABILITIES_MAX = 64


def limit(rights: dict[str, Any]) -> None:
    """`rights` as `orders.rights` makes them. For good, and for all that this process starts. Raises OSError."""
    soft, hard = rights["open_files"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    os.setgroups([])
    mask = rights["capabilities"]
    _drop_from_bounding_set(mask)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.set_capabilities(mask)
    syscalls.set_seccomp_filter(bytes.fromhex(rights["seccomp"]), rights["machine"])


def _drop_from_bounding_set(keep: int) -> None:
    for number in range(_CAPABILITIES_MAX):
        if not keep >> number & 1:
            try:
                syscalls.prctl(syscalls.PR_CAPBSET_DROP, number)
            except OSError as error:
                if error.errno != errno.EINVAL:  # more than this kernel has
                    raise
                return
