"""System calls that Python 3.11 has no name for: namespaces, mounts (old and new interface), prctl, pidfd exit status.
Owns numbers and errno handling; knows nothing of containers. Everything raises OSError with a sentence in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import struct

CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_STRICTATIME = 1 << 24
MNT_DETACH = 2
MOUNT_ATTR_NODEV = 4

PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

# The same on every architecture (all system calls added since Linux 5.0 are).
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT, _SYS_FSOPEN, _SYS_FSCONFIG, _SYS_FSMOUNT, _SYS_FSPICK = 429, 430, 431, 432, 433
_FSCONFIG_SET_FLAG, _FSCONFIG_SET_STRING, _FSCONFIG_CREATE, _FSCONFIG_RECONFIGURE = 0, 1, 6, 7
_CLOEXEC = 1
_AT_FDCWD = -100
_MOVE_MOUNT_F_EMPTY_PATH = 4
_OPEN_TREE_CLONE = 1
_AT_RECURSIVE = 0x8000
_NUMBERS = {
    "x86_64": {"seccomp": 317, "keyctl": 250, "rt_sigaction": 13},
    "aarch64": {"seccomp": 277, "keyctl": 219, "rt_sigaction": 134},
}
MACHINES = tuple(_NUMBERS)
_KEYCTL_JOIN_SESSION_KEYRING = 1
_LIBC_SIGNALS = (32, 33)
_SIGNAL_SET_BYTES = 8
_SIGACTION_DEFAULT = bytes(32)  # the kernel's struct: SIG_DFL, no flags, no restorer, nothing masked
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4  # as crun has it: without, the kernel may slow the process down
_CAPABILITY_VERSION_3 = 0x20080522

_PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, struct pidfd_info of 64 bytes), linux/pidfd.h
_PIDFD_INFO_EXIT = 8
_PIDFD_INFO_SIZE = 64
_PIDFD_INFO_EXIT_CODE_OFFSET = 60

_libc = ctypes.CDLL(None, use_errno=True)
_libc_with_lock = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def bare_fork() -> int:
    """As os.fork(), without what Python has others do at a fork (`os.register_at_fork`). Raises OSError.

    Only for a process without threads whose child calls os.fork() before any code of others runs: what they do touches a
    hundred pages, and would be done twice. The interpreter keeps its lock across the call (`PyDLL`), so it is whole in both.
    """
    return _check(_libc_with_lock.fork(), "fork")


def keep_for_good(thing: object) -> None:
    """It is never taken apart, whoever lets go of it: a fork that does so would touch all of its pages."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """The classic mount(2); its options must fit in one page."""
    arguments = [os.fsencode(text) if text else None for text in (source, target, kind)]
    result = _libc.mount(*arguments, ctypes.c_ulong(flags), os.fsencode(options) if options else None)
    _check(result, f"mount {kind} on {target}")


def umount(target: str) -> None:
    """Detaches it now; it goes when its last user goes."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def pivot_root(new_root: str) -> None:
    """`new_root`, a mount point, becomes `/` of this mount namespace; what was there is detached."""
    os.chdir(new_root)
    _check(_libc.pivot_root(b".", b"."), f"pivot_root {new_root}")
    umount(".")
    os.chdir("/")


def sethostname(name: str) -> None:
    encoded = os.fsencode(name)
    _check(_libc.sethostname(encoded, ctypes.c_size_t(len(encoded))), "sethostname")


def open_tree(path: str) -> int:
    """A detached copy of what is mounted at and below `path`, as an fd for `move_mount`."""
    flags = _OPEN_TREE_CLONE | _AT_RECURSIVE | os.O_CLOEXEC
    return _syscall(_SYS_OPEN_TREE, f"open_tree {path}", _AT_FDCWD, os.fsencode(path), flags)


def move_mount(tree: int, target: str) -> None:
    """Attach a detached mount at `target`."""
    name = os.fsencode(target)
    _syscall(_SYS_MOVE_MOUNT, f"move_mount {target}", tree, b"", _AT_FDCWD, name, _MOVE_MOUNT_F_EMPTY_PATH)


def new_session_keyring(machine: str) -> None:
    """Lets go of the keys of the session that started us; a kernel without keyrings is no error."""
    with contextlib.suppress(OSError):
        _syscall(_NUMBERS[machine]["keyctl"], "keyctl", _KEYCTL_JOIN_SESSION_KEYRING, None)


def default_signals(machine: str) -> None:
    """Nothing ignored, handled or blocked, whatever was left to us; for a process about to execute a program.

    A parent may also have ignored the two signals that the C library uses and hides: those by the system call.
    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    for hidden in _LIBC_SIGNALS if machine in _NUMBERS else ():
        _syscall(_NUMBERS[machine]["rt_sigaction"], "rt_sigaction", hidden, _SIGACTION_DEFAULT, None, _SIGNAL_SET_BYTES)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def set_capabilities(mask: int) -> None:
    """Effective and permitted become `mask`; nothing is inheritable."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    _check(_libc.capset(header, struct.pack("=6I", low, low, 0, high, high, 0)), "capset")


def set_seccomp_filter(program: bytes, machine: str) -> None:
    """`program` is classic BPF, 8 bytes per instruction. For this process and all that it starts, for good."""
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    number = _NUMBERS[machine]["seccomp"]
    _syscall(number, "seccomp", _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_SPEC_ALLOW, header)


def prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0), "prctl")


def set_process_name(name: str) -> None:
    """What `ps` and /proc/PID/comm show; 15 bytes."""
    buffer = ctypes.create_string_buffer(name.encode()[:15])
    prctl(PR_SET_NAME, ctypes.addressof(buffer))


def mount_new(kind: str, options: list[tuple[str, str]], target: str, attributes: int = 0) -> None:
    """fsopen(2), fsconfig(2) per option, fsmount(2), move_mount(2): no limit on the length of all options together.

    Raises OSError with the kernel's own sentence where it gives one.
    """
    context = _syscall(_SYS_FSOPEN, f"fsopen {kind}", kind.encode(), _CLOEXEC)
    try:
        _configure(context, options)
        _fsconfig(context, _FSCONFIG_CREATE, None, None)
        mounted = _syscall(_SYS_FSMOUNT, "fsmount", context, _CLOEXEC, attributes)
    finally:
        os.close(context)
    try:
        move_mount(mounted, target)
    finally:
        os.close(mounted)


def reconfigure(target: str, flags: list[str]) -> None:
    """Set the options of the file system mounted at `target` without touching the flags of the mount."""
    context = _syscall(_SYS_FSPICK, f"fspick {target}", _AT_FDCWD, os.fsencode(target), _CLOEXEC)
    try:
        for flag in flags:
            _fsconfig(context, _FSCONFIG_SET_FLAG, flag.encode(), None)
        _fsconfig(context, _FSCONFIG_RECONFIGURE, None, None)
    finally:
        os.close(context)


def pidfd_exit_status(pidfd: int) -> int | None:
    """The wait status of a process that was reaped while we held `pidfd`, also when it is no child of ours.

    None where the kernel cannot tell (before Linux 6.15) or has not reaped it yet.
    """
    buffer = bytearray(struct.pack("=Q", _PIDFD_INFO_EXIT) + bytes(_PIDFD_INFO_SIZE - 8))
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, buffer, True)
    except OSError:
        return None
    (mask,) = struct.unpack_from("=Q", buffer)
    if not mask & _PIDFD_INFO_EXIT:
        return None
    status: int = struct.unpack_from("=i", buffer, _PIDFD_INFO_EXIT_CODE_OFFSET)[0]
    return status


def _configure(context: int, options: list[tuple[str, str]]) -> None:
    for key, value in options:
        _fsconfig(context, _FSCONFIG_SET_STRING, key.encode(), os.fsencode(value))


def _fsconfig(context: int, command: int, key: bytes | None, value: bytes | None) -> None:
    try:
        _syscall(_SYS_FSCONFIG, "fsconfig", context, command, key, value, 0)
    except OSError as error:
        said = ""
        with contextlib.suppress(OSError):  # nothing to read means that the kernel gave no reason
            said = os.read(context, 4096).decode(errors="replace").strip()
        what = b" ".join(part for part in (key, value) if part).decode(errors="replace")
        raise OSError(error.errno, f"{os.strerror(error.errno or 0)}: {said or what}") from None


def _syscall(number: int, what: str, *arguments: int | bytes | None) -> int:
    values = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return _check(_libc.syscall(ctypes.c_long(number), *values), what)


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result
