"""The words between control plane and spawner: JSON objects over a SEQPACKET unix socket, one request, one reply.

Standard library only, no dataclasses, so that both sides can import it cheaply. A request is {"op": ..., ...}; a reply is
{"ok": true, ...} or {"ok": false, "error": "one line", "step": "what was being done"}.

    op        request                                       reply
    hello     {}                                            {pid, version, instance, backends: {name: why it is off, or ""},
                                                             templates: [{pid, base, ready}],
                                                             snapshots: [{name, pid, ready}],
                                                             gpus: [{name, model}],
                                                             notes: {subject: text}}   what is special about this machine
    start     {spec: StartSpec} + 0 or 1 fd                 {address, shim_pid, existed}   idempotent by spec["id"];
                                                            the fd's file is JSON {name: value}: environment that is
                                                            written to memory only, and goes before spec["env"]
    stop      {id, kill_after_ms}                           {}          SIGTERM to all its processes, SIGKILL later
    adopt     {id}                                          {shim_pid}  a new shim for a container whose shim died
    forget    {id}                                          {}          removes the directory of an ended container
    exec      {id, argv, env, cwd} + 4 fds                  {pid}       stdin, stdout, stderr, pipe for {"exit_code": n}
    usage     {id}                                          {memory_bytes, cpu_ns, pids}
    usages    {ids: [id...]}                                {usages: {id: {memory_bytes, cpu_ns, pids, received_bytes,
                                                            sent_bytes}}}   without those that do not run
    snapshots {drop: [name...]}                             {names: [...]}   lets those go whose versions are over; each
                                                                        ends with its last container. Those that are left
    shutdown  {}                                            {}          removes bridge and firewall table, then ends;
                                                                        refused while containers run

StartSpec: {id, layers: [dir...], argv, env: {..}, cwd, binds: [[source, target, read_only]...], hostname, log_path, port,
            cpu_milli, cpu_limit_milli|null, memory_mib, memory_limit_mib|null, stop_after_ms,
            backend: "auto"|"crun", base_layers, snapshot, gpus: {model, count}|null, disk_mib|null}
"auto" forks the guest from a template where that is possible, else crun starts it and the log says why. `base_layers` is how
many of the layers, from the last, are a base image that the platform made itself; without it there is no fork. `snapshot`
names the version of a Server that wants a memory snapshot ("" or missing: none): the first container has one made, later
ones come from it. Where that is not possible it is started as ever, and the log says why. `gpus` (missing: none) are the
container's own, whole ones that no container has that may still live; such a container is always started by crun, and so
is one with `disk_mib` (missing: as much as there is), more than which its files can't hold beside its image and Volumes.

The directory of a container, `<data dir>/containers/<id>/`, is the truth that outlives every process. Files are written
to a temporary name and renamed:
    spec.json    the StartSpec, before anything is started; with gpus also gpus_given: [{name, nodes: [path...]}...]
    state.json   {id, shim_pid, shim_start, init_pid, init_start, address, netns, cgroups: [dir...], started_at_ms,
                  backend: "crun"|"fork"|"snapshot"}   the last one once it runs
    exit.json    {exit_code|null, signal|null, oom: bool, error: ""|"one line", step: "", ended_at_ms}
    stop.json    {deadline_ms}, on the monotonic clock: SIGTERM was asked for, SIGKILL follows then
    lock         a shim holds flock(2) on it as long as it lives
init_pid is 0 until the container runs; one from a template has no state.json before that. A container whose shim is gone
and that has no exit.json ended unseen, or runs without one (look at init_pid): `adopt` settles both.

The log, `spec["log_path"]`, has one line per line of output: `<ms since epoch> <o|e|s> <text>\n` for stdout, stderr and
system (ours); a line too long is cut into several. At LOG_ROTATE_BYTES it is renamed to `<log_path>.1` (one is kept).
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from typing import Any

SOCKET_PATH_BYTES_MAX = 100
VERSION = "1"  # of this protocol
MESSAGE_BYTES_MAX = 1 << 17
LOG_ROTATE_BYTES = 16 << 20
LOG_LINE_BYTES_MAX = 16 << 10

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """Raises ValueError for a message that is too large for one packet."""
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > MESSAGE_BYTES_MAX:
        raise ValueError(f"message of {len(data)} bytes is larger than {MESSAGE_BYTES_MAX}")
    return data


def decode(data: bytes) -> Message:
    """Raises ValueError for anything that is not a JSON object."""
    message = json.loads(data)
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")
    return message


def connect(path: str) -> socket.socket:
    """A connection to the spawner that listens at `path` (of any length). Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        with_short_path(path, sock.connect)
    except OSError:
        sock.close()
        raise
    return sock


def with_short_path(path: str, use: Callable[[str], object]) -> None:
    """Call `use` with a name of the socket that fits in the 108 bytes of sockaddr_un. Raises what `use` raises, OSError."""
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        use(path)
        return
    directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        use(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
    finally:
        os.close(directory)


def write_json(path: str, value: Message, *, durable: bool = True) -> None:
    """Atomic: a reader sees the old file or the new one; with `durable` also after a power cut. Raises OSError."""
    temporary = f"{path}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, json.dumps(value).encode())
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)


def write_all(fd: int, data: bytes) -> None:
    """Every byte, however many calls it takes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_json(path: str) -> Message | None:
    """None when it does not exist. Raises ValueError when it is not JSON."""
    try:
        with open(path, "rb") as file:
            return decode(file.read())
    except FileNotFoundError:
        return None
