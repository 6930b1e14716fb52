"""The system calls that containers may not make, as the `linux.seccomp` part of an OCI spec. Pure.

Everything else is allowed: what is listed reaches parts of the kernel that no web server needs and that have had many holes.
"""

from __future__ import annotations

from typing import Any

_EPERM, _ENOSYS = 1, 38

DENIED = (
    *("mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree", "open_tree_attr", "pivot_root"),
    *("fsopen", "fsconfig", "fsmount", "fspick", "name_to_handle_at", "open_by_handle_at"),
    *("unshare", "setns", "bpf", "perf_event_open", "userfaultfd", "kcmp", "lookup_dcookie"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("add_key", "keyctl", "request_key"),
    *("init_module", "finit_module", "delete_module", "create_module", "get_kernel_syms", "query_module"),
    *("kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "syslog", "acct", "quotactl", "quotactl_fd"),
    *("clock_adjtime", "clock_settime", "settimeofday", "stime", "adjtimex"),
    *("mbind", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node", "move_pages", "migrate_pages"),
    *("ioperm", "iopl", "personality", "nfsservctl", "sysfs", "uselib", "ustat", "vm86", "vm86old"),
)

# clone(2) flags that make namespaces; CLONE_NEWTIME cannot be given to clone.
NAMESPACE_FLAGS = {
    "mnt": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}

_ARCHITECTURES = {
    "x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
}


# What a process that came from a memory snapshot leaves behind, in one call: all of it, with a user namespace.
SNAPSHOT_FLAGS = sum(NAMESPACE_FLAGS.values())


def profile(machine: str, *, snapshot: bool = False) -> dict[str, Any]:
    """`machine` as in uname -m. clone3 hides its flags from filters, so it is said not to exist: libc then uses clone.

    With `snapshot`, the one of a process that containers are forked from: unshare(2) with exactly SNAPSHOT_FLAGS is allowed.
    """
    found: dict[str, Any] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            _refuse([name for name in DENIED if not (snapshot and name == "unshare")], _EPERM),
            _refuse(["clone3"], _ENOSYS),
            *(_refuse(["clone"], _EPERM, flag) for flag in NAMESPACE_FLAGS.values()),
        ],
    }
    if snapshot:
        found["syscalls"].append(_refuse(["unshare"], _EPERM, SNAPSHOT_FLAGS, "SCMP_CMP_NE"))
    if machine in _ARCHITECTURES:
        found["architectures"] = _ARCHITECTURES[machine]
    return found


def _refuse(names: list[str], code: int, flag: int = 0, compare: str = "SCMP_CMP_MASKED_EQ") -> dict[str, Any]:
    rule: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": code}
    if flag:
        rule["args"] = [{"index": 0, "value": flag, "valueTwo": flag, "op": compare}]
    return rule
