"""A container forked from a template is the same container as one started by crun: what it may, sees, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from spawner_harness import SpawnerHarness, connects, wait_until

pytestmark = pytest.mark.host

RESTRICTIONS = {"ro", "nosuid", "nodev", "noexec"}
BOTH = pytest.mark.parametrize("backend", ["crun", "fork"])
ALL = pytest.mark.parametrize("backend", ["crun", "fork", "snapshot"])

LOOK = """
import json, os, re, resource, stat, sys
def lines(path):
    return open(path).read().splitlines()
def status(pid):
    fields = dict(line.split(":", 1) for line in lines(f"/proc/{pid}/status"))
    wanted = ("Name", "Umask", "Uid", "Gid", "Groups", "NSpid", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Threads",
              "SigQ", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "THP_enabled",
              "Speculation_Store_Bypass", "SpeculationIndirectBranch", "Cpus_allowed", "CoreDumping", "Pid", "PPid", "NSsid")
    return {name: fields[name].split() for name in wanted if name in fields and name != "SigQ"}
def mounts():
    found = {}
    for line in lines("/proc/self/mountinfo"):
        left, _, right = line.partition(" - ")
        place, flags, *shared = left.split()[4:]
        kind, _, options = right.split(" ", 2)
        kept = "" if kind == "overlay" else ",".join(sorted(options.split(",")))
        root = left.split()[3] if kind != "ext4" else ""
        found[place] = [kind, ",".join(sorted(flags.split(","))), shared, kept, root]
    return found
def listing(folder):
    return {name: [oct(info.st_mode), info.st_rdev, info.st_uid]
            for name in sorted(os.listdir(folder)) for info in [os.lstat(f"{folder}/{name}")]}
def tried(path):
    try:
        with open(path, "w"):
            return "opened"
    except OSError as error:
        return error.errno
def fds():
    return {name: re.sub("[0-9]+", "N", os.readlink(f"/proc/1/fd/{name}")) for name in os.listdir("/proc/1/fd")}
import homeport
app = homeport.App("x")
@app.server(unauthenticated=True)
class Server:
    @homeport.enter()
    def look(self):
        import platform, random
        print(json.dumps({
            "init": status(1), "worker": status("self"), "mounts": mounts(), "dev": listing("/dev"), "root": listing("/"),
            "etc": sorted(os.listdir("/etc")), "pts": sorted(os.listdir("/dev/pts")), "fds": fds(),
            "sysctl": tried("/proc/sys/kernel/hostname"), "trigger": tried("/proc/sysrq-trigger"),
            "keys": open("/proc/keys").read(), "firmware": os.listdir("/sys/firmware"),
            "kcore": os.path.exists("/proc/kcore"),
            "links": sorted(os.listdir("/sys/class/net")), "cgroup": lines("/proc/1/cgroup"),
            "processes": sorted(name for name in os.listdir("/proc") if name.isdigit()),
            "limits": [line.split() for line in lines("/proc/1/limits")],
            "oom": lines("/proc/1/oom_score_adj"), "cwd": os.getcwd(), "node": [os.uname().nodename, platform.node()],
            "env": dict(os.environ), "umask": oct(os.umask(0o22)), "session": [os.getsid(0), os.getpgid(0)],
            "command": open("/proc/1/cmdline").read(), "exe": os.readlink("/proc/1/exe"), "comm": lines("/proc/1/comm"),
            "python": [sys.argv, sys.orig_argv, sys.executable, sys.prefix, str(sys.flags), sys.path],
            "finders": [getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path],
            "main": [sys.modules["__main__"].__file__, __name__],
            "streams": [[s.encoding, s.errors, s.line_buffering, s.seekable(), s.isatty()]
                        for s in (sys.stdout, sys.stderr, sys.stdin)],
            "ours": sorted(name for name in sys.modules if "spawner" in name),
            "namespaces": sorted(os.listdir("/proc/self/ns")),
            "exec": os.popen("grep -E 'Cap|Seccomp:|NoNew|SigIgn|SigBlk' /proc/self/status").read(),
        }))
        sys.stdout.flush()
"""


LIFECYCLE = """
import homeport
app = homeport.App("x")
@app.server(unauthenticated=True)
class Server:
    @homeport.enter()
    def begin(self): print("up")
    @homeport.exit()
    def leave(self): print("left")
"""
ENDS = LIFECYCLE.replace('print("up")', 'print("bye"); import sys; sys.exit(7)')
STAYS = LIFECYCLE.replace(
    'print("up")',
    """
        import time
        while True:
            try: print("up"); time.sleep(600)
            except BaseException: pass
    """,
)
GREEDY = LIFECYCLE.replace('print("up")', "[bytearray(1 << 20) for _ in range(1 << 20)]")
LARGE = LIFECYCLE.replace('print("up")', 'self.x = bytearray(40 << 20); print("up")')
SERVER = """
import homeport
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
app = homeport.App("x")
@app.server(unauthenticated=True)
class Server:
    @homeport.enter()
    def begin(self):
        threading.Thread(target=ThreadingHTTPServer(("", 8000), SimpleHTTPRequestHandler).serve_forever).start()
"""


def looked(spawner: SpawnerHarness, rootfs: str, backend: str) -> dict[str, Any]:
    name = "looker"
    spawner.guest(name, rootfs, LOOK, backend)
    spawner.wait_for_line(name, "{")
    state = spawner.state(name)
    assert state["backend"] == backend, spawner.log(name)
    found: dict[str, Any] = json.loads(next(text for stream, text in spawner.log(name) if text.startswith("{")))
    found["membership"] = sorted(path.split("/homeport-")[0] for path in _cgroups(state["init_pid"]))
    found["namespaces of its own"] = {
        kind: _namespace(state["init_pid"], kind) != _namespace("self", kind)
        for kind in ("pid", "mnt", "net", "ipc", "uts", "cgroup", "user", "time")
    }
    spawner.stop(name, 0)
    spawner.ending(name)
    spawner.forget(name)
    os.unlink(f"{spawner.data_dir}/logs/{name}.log")
    return found


def test_inside_there_is_no_difference(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.warm(rootfs)
    by_crun, by_fork = looked(spawner, rootfs, "crun"), looked(spawner, rootfs, "fork")
    spawner.freeze(rootfs, LOOK)
    by_snapshot = looked(spawner, rootfs, "snapshot")
    check_mounts(by_crun["mounts"], by_snapshot.pop("mounts"))
    for process in ("init", "worker"):  # two filters, of which the second is that of all others
        assert by_snapshot[process].pop("Seccomp_filters") == ["2"]
        by_snapshot[process]["Seccomp_filters"] = by_fork[process].get("Seccomp_filters")
    assert by_snapshot["namespaces of its own"].pop("user")
    by_snapshot["namespaces of its own"]["user"] = False
    assert {
        what: (seen, by_snapshot[what]) for what, seen in by_fork.items() if what != "mounts" and by_snapshot[what] != seen
    } == {}
    check_mounts(by_crun.pop("mounts"), by_fork.pop("mounts"))
    assert by_crun.keys() == by_fork.keys()
    assert {what: (seen, by_fork[what]) for what, seen in by_crun.items() if by_fork[what] != seen} == {}
    own = by_fork["namespaces of its own"]
    assert own == {**dict.fromkeys(("pid", "mnt", "net", "ipc", "uts", "cgroup"), True), "user": False, "time": False}
    assert by_fork["worker"]["CapEff"] == ["00000000800405fb"]
    assert by_fork["worker"]["Seccomp"] == ["2"]


def check_mounts(by_crun: dict[str, Any], by_fork: dict[str, Any]) -> None:
    """The same ones, none of them with fewer restrictions (crun makes the root and parts of /proc anew, without `nodev`)."""
    assert by_crun.keys() == by_fork.keys()
    for place, (kind, flags, shared, _, root) in by_crun.items():
        kind_here, flags_here, shared_here, _, root_here = by_fork[place]
        assert (shared_here, root_here) == (shared, root), place
        assert kind_here == kind or root == "/null", place
        assert RESTRICTIONS & set(flags.split(",")) <= RESTRICTIONS & set(flags_here.split(",")), place


def _namespace(pid: object, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def _cgroups(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return [line.split(":", 1)[1] for line in lines if "/homeport-" in line]


def begin(spawner: SpawnerHarness, rootfs: str, backend: str, program: str, **more: Any) -> str:
    """Starts the container "it", with a template or snapshot that is ready. Its address."""
    if backend == "fork":
        spawner.warm(rootfs)
    if backend == "snapshot":
        spawner.freeze(rootfs, program, **more)
    return spawner.guest("it", rootfs, program, backend, **more)


def by(spawner: SpawnerHarness) -> str:
    return str(spawner.state("it")["backend"])


@ALL
def test_a_server_answers(spawner: SpawnerHarness, rootfs: str, backend: str) -> None:
    address = begin(spawner, rootfs, backend, SERVER)
    wait_until(lambda: connects(address), "the port")
    assert by(spawner) == backend


@ALL
def test_the_exit_code_of_the_users_code_arrives(spawner: SpawnerHarness, rootfs: str, backend: str) -> None:
    begin(spawner, rootfs, backend, ENDS)
    ending = spawner.ending("it")
    assert (ending["exit_code"], ending["signal"], ending["oom"], ending["error"]) == (7, None, False, "")
    assert ("o", "bye") in spawner.log("it")
    assert by(spawner) == backend


@ALL
def test_a_first_process_that_is_killed_is_reported(spawner: SpawnerHarness, rootfs: str, backend: str) -> None:
    begin(spawner, rootfs, backend, LIFECYCLE)
    spawner.wait_for_line("it", "up")
    os.kill(spawner.state("it")["init_pid"], 9)
    ending = spawner.ending("it")
    assert (ending["exit_code"], ending["signal"], ending["oom"]) == (None, 9, False)


@BOTH
def test_the_traceback_of_a_failing_module_shows_only_the_users_lines(
    spawner: SpawnerHarness, rootfs: str, backend: str
) -> None:
    begin(spawner, rootfs, backend, "import nosuchmodule")
    assert spawner.ending("it")["exit_code"] == 1
    lines = [text for stream, text in spawner.log("it") if stream == "e"]
    assert lines[:3] == [
        "Traceback (most recent call last):",
        '  File "/root/app.py", line 1, in <module>',
        "    import nosuchmodule",
    ]
    assert "nosuchmodule" in lines[-1]
    assert not any("spawner" in line for line in lines)


@ALL
def test_a_stop_runs_exit_methods(spawner: SpawnerHarness, rootfs: str, backend: str) -> None:
    begin(spawner, rootfs, backend, LIFECYCLE)
    spawner.wait_for_line("it", "up")
    spawner.stop("it", 60_000)
    assert spawner.ending("it")["exit_code"] == 0
    assert ("o", "left") in spawner.log("it")
    assert by(spawner) == backend


@ALL
def test_who_ignores_sigterm_is_killed_at_the_deadline(spawner: SpawnerHarness, rootfs: str, backend: str) -> None:
    begin(spawner, rootfs, backend, STAYS)
    spawner.wait_for_line("it", "up")
    spawner.stop("it", 600_000)
    wait_until(lambda: spawner.log("it").count(("o", "up")) == 2, "the signal to be swallowed")
    spawner.stop("it", 100)
    ending = spawner.ending("it")
    assert (ending["signal"], ending["oom"]) == (9, False)
    assert any(stream == "s" and text.startswith("killed: it still ran") for stream, text in spawner.log("it"))


@ALL
def test_too_much_memory_is_reported_as_oom(spawner: SpawnerHarness, rootfs: str, backend: str) -> None:
    begin(spawner, rootfs, backend, GREEDY, memory_limit_mib=64)
    ending = spawner.ending("it")
    assert ending["exit_code"] == 137 or ending["signal"] == 9
    assert ending["oom"]
    assert any(stream == "s" and "out of memory at its limit of 64 MiB" in text for stream, text in spawner.log("it"))
    assert by(spawner) == backend


@ALL
def test_exec_has_the_containers_rights_and_files(spawner: SpawnerHarness, rootfs: str, backend: str) -> None:
    begin(spawner, rootfs, backend, LIFECYCLE, env={"MINE": "yes"})
    spawner.wait_for_line("it", "up")
    program = (
        "import os, socket, sys; print(socket.gethostname(), os.environ['MINE'], os.getcwd(), sys.stdin.read()); sys.exit(5)"
    )
    assert spawner.exec("it", ["python3", "-c", program], b"hi")[:2] == (5, b"it yes /root hi\n")
    _, said, _ = spawner.exec(
        "it", ["sh", "-c", "grep -E 'Cap|NoNew|Seccomp:|SigIgn|SigBlk' /proc/self/status; ls /proc/1/root /"]
    )
    assert b"CapEff:\t00000000800405fb" in said
    assert b"CapBnd:\t00000000800405fb" in said
    assert b"NoNewPrivs:\t1" in said
    assert b"Seccomp:\t2" in said
    assert b"SigIgn:\t0000000000000000" in said
    assert spawner.exec("it", ["nosuchprogram"])[0] == 127
    assert spawner.exec("it", ["/etc/hosts"])[0] == 126
    assert spawner.exec("it", ["sh", "-c", "kill -9 $$"])[0] == 137
    assert by(spawner) == backend


@ALL
def test_what_it_uses_is_counted(spawner: SpawnerHarness, rootfs: str, backend: str) -> None:
    begin(spawner, rootfs, backend, LARGE)
    spawner.wait_for_line("it", "up")
    usage = spawner.request(op="usage", id="it")
    assert 40 << 20 < usage["memory_bytes"] < 100 << 20
    assert usage["pids"] == 2
