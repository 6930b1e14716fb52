"""What a process that we start finds of signals, whatever was ignored and blocked where we were started."""

from __future__ import annotations

import os
import signal

import pytest

from homeport.spawner import syscalls

HIDDEN_BY_LIBC = 32


@pytest.mark.skipif(os.uname().machine not in syscalls.MACHINES, reason="the number of the system call is not known here")
def test_a_program_starts_with_default_signals_whatever_its_starter_ignored() -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        ignore_hidden_signal()
        before = masks()
        syscalls.default_signals(os.uname().machine)
        os.write(writing, f"{before} {masks()}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        before, after = pipe.read().split()
    os.waitpid(pid, 0)
    ignored = 1 << (HIDDEN_BY_LIBC - 1) | 1 << (signal.SIGUSR1 - 1) | 1 << (signal.SIGPIPE - 1)
    assert int(before.split(",")[0], 16) & ignored == ignored
    assert after == "0000000000000000,0000000000000000"


def ignore_hidden_signal() -> None:
    number = syscalls._NUMBERS[os.uname().machine]["rt_sigaction"]
    action = int(signal.SIG_IGN).to_bytes(8, "little") + bytes(24)
    syscalls._syscall(number, "rt_sigaction", HIDDEN_BY_LIBC, action, None, 8)


def masks() -> str:
    """Ignored and blocked signals, as the kernel prints them."""
    with open("/proc/self/status") as status:
        fields = dict(line.split(":\t") for line in status.read().splitlines() if line.startswith("Sig"))
    return f"{fields['SigIgn']},{fields['SigBlk']}"
