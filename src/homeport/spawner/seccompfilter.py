"""An OCI seccomp profile as the program that the kernel takes, made by libseccomp, as crun does it. Knows no container."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

_LIBRARY = "libseccomp.so.2"
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_COMPARE = {"SCMP_CMP_NE": 1, "SCMP_CMP_MASKED_EQ": 7}  # enum scmp_compare
_UNKNOWN_SYSCALL = -1
_PROGRAM_BYTES_MAX = 1 << 16


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp"""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def compile_profile(profile: dict[str, Any]) -> bytes:
    """8 bytes per instruction. Only what our own profile uses is understood: default ALLOW, refusals with an errno.

    Raises OSError where libseccomp is missing or refuses.
    """
    library = _load()
    context = library.seccomp_init(_ALLOW)
    if not context:
        raise OSError(errno.ENOMEM, "libseccomp cannot make a filter")
    try:
        for name in profile.get("architectures", []):
            token = library.seccomp_arch_resolve_name(name.removeprefix("SCMP_ARCH_").lower().encode())
            _check(library.seccomp_arch_add(context, token), f"add {name}", errno.EEXIST)
        for rule in profile["syscalls"]:
            _add(library, context, rule)
        return _export(library, context)
    finally:
        library.seccomp_release(context)


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(_LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    library.seccomp_arch_add.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_rule_add_array.argtypes = (
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint),
        ctypes.POINTER(_Comparison),
    )
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    return library


def _add(library: ctypes.CDLL, context: int, rule: dict[str, Any]) -> None:
    """A system call that this machine never had needs no rule."""
    arguments = rule.get("args", [])
    comparisons = (_Comparison * max(1, len(arguments)))(
        *(_Comparison(item["index"], _COMPARE[item["op"]], item["value"], item["valueTwo"]) for item in arguments)
    )
    for name in rule["names"]:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != _UNKNOWN_SYSCALL:
            action = _ERRNO | rule["errnoRet"]
            code = library.seccomp_rule_add_array(context, action, number, len(arguments), comparisons)
            _check(code, f"refuse {name}")


def _export(library: ctypes.CDLL, context: int) -> bytes:
    file = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    try:
        _check(library.seccomp_export_bpf(context, file), "export the filter")
        return os.pread(file, _PROGRAM_BYTES_MAX, 0)
    finally:
        os.close(file)


def _check(code: int, what: str, tolerated: int = 0) -> None:
    if code < 0 and -code != tolerated:
        raise OSError(-code, f"libseccomp cannot {what}: {os.strerror(-code)}")
