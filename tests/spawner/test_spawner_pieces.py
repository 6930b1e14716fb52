"""The pure pieces: OCI configuration, seccomp, lines of the log, steps and their undoing, words of the wire."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homeport.spawner import command, execin, logpipe, machine, ocispec, process, seccomp, steps, wire
from homeport.spawner.containerdir import ContainerDir, check_id
from homeport.spawner.containers import RequestError, check_spec
from homeport.spawner.logpipe import LineSplitter, LogFile

PLACE = ocispec.Place("/c/rootfs", "/proc/1/fd/9", "/c/hosts", "/c/resolv.conf", 20_000, "x86_64")
SPEC: dict[str, Any] = {
    "id": "c1",
    "layers": ["/l"],
    "argv": ["python3", "app.py"],
    "env": {"A": "b=c", "HOME": "/tmp"},
    "cwd": "/root",
    "binds": [["/src/pkg", "/root/app/pkg", True], ["/src", "/root/app", False]],
    "hostname": "web",
    "log_path": "/logs/c1",
    "cpu_milli": 100,
    "cpu_limit_milli": None,
    "memory_mib": 64,
    "memory_limit_mib": None,
    "stop_after_ms": 1000,
}


def test_the_process_is_what_was_asked_for_with_few_rights() -> None:
    found = ocispec.config(SPEC, PLACE)["process"]
    assert found["args"] == ["python3", "app.py"]
    assert found["env"][-2:] == ["HOME=/tmp", "A=b=c"]
    assert found["noNewPrivileges"] is True
    assert "CAP_SYS_ADMIN" not in found["capabilities"]["bounding"]
    assert set(found["capabilities"]) == {"bounding", "effective", "permitted"}
    assert found["rlimits"] == [{"type": "RLIMIT_NOFILE", "hard": 20_000, "soft": 20_000}]


def test_every_namespace_is_its_own_and_the_network_is_the_given_one() -> None:
    namespaces = ocispec.config(SPEC, PLACE)["linux"]["namespaces"]
    assert [entry["type"] for entry in namespaces] == ["pid", "mount", "ipc", "uts", "cgroup", "network"]
    assert namespaces[-1]["path"] == "/proc/1/fd/9"


def test_binds_come_after_the_fixed_mounts_and_parents_before_children() -> None:
    mounts = ocispec.config(SPEC, PLACE)["mounts"]
    targets = [mount["destination"] for mount in mounts]
    assert targets[-4:] == ["/etc/hosts", "/etc/resolv.conf", "/root/app", "/root/app/pkg"]
    assert mounts[-1]["options"][-1] == "ro"
    assert mounts[-2]["options"][-1] == "rw"
    assert {"nosuid", "nodev"} <= set(mounts[-1]["options"])


def test_seccomp_refuses_namespaces_by_every_way() -> None:
    rules = seccomp.profile("x86_64")["syscalls"]
    assert {"mount", "unshare", "setns", "bpf", "io_uring_setup", "keyctl"} <= set(rules[0]["names"])
    assert rules[1] == {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
    flags = {rule["args"][0]["value"] for rule in rules[2:]}
    assert flags == {0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000}
    assert all(rule["args"][0]["value"] == rule["args"][0]["valueTwo"] for rule in rules[2:])
    assert all(rule["names"] == ["clone"] for rule in rules[2:])


def test_seccomp_lets_a_snapshot_make_all_namespaces_at_once_and_nothing_more() -> None:
    plain, looser = (seccomp.profile("x86_64", snapshot=snapshot)["syscalls"] for snapshot in (False, True))
    assert set(plain[0]["names"]) - set(looser[0]["names"]) == {"unshare"}
    assert looser[1:-1] == plain[1:]
    (argument,) = looser[-1]["args"]
    assert (looser[-1]["names"], looser[-1]["action"], looser[-1]["errnoRet"]) == (["unshare"], "SCMP_ACT_ERRNO", 1)
    assert (argument["index"], argument["op"], argument["value"]) == (0, "SCMP_CMP_NE", 0x7E020000)


def test_seccomp_names_the_sister_architectures_it_knows() -> None:
    assert "SCMP_ARCH_X86" in seccomp.profile("x86_64")["architectures"]
    assert "architectures" not in seccomp.profile("riscv64")


def test_lines_are_stamped_when_they_are_whole() -> None:
    splitter = LineSplitter(b"o")
    assert splitter.feed(b"one\ntw", 5) == b"5 o one\n"
    assert splitter.feed(b"o\n\n", 6) == b"6 o two\n6 o \n"
    assert splitter.feed(b"rest", 7) == b""
    assert splitter.finish(8) == b"8 o rest\n"
    assert splitter.finish(9) == b""


def test_a_line_that_is_too_long_is_cut() -> None:
    most = wire.LOG_LINE_BYTES_MAX
    splitter = LineSplitter(b"e")
    cut = splitter.feed(b"x" * (2 * most + 3), 1) + splitter.feed(b"\n", 2)
    assert [len(line.split(b" ", 2)[2]) for line in cut.splitlines()] == [most, most, 3]
    whole = LineSplitter(b"e").feed(b"x" * (most + 1) + b"\n", 1)
    assert [len(line.split(b" ", 2)[2]) for line in whole.splitlines()] == [most, 1]


def test_the_log_is_rotated_and_one_old_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LOG_ROTATE_BYTES", 10)
    log = LogFile(str(tmp_path / "deep/c.log"))
    for line in (b"1 o aaaaaaaa\n", b"2 o bbbbbbbb\n", b"3 o cccccccc\n"):
        log.write(line)
    assert (tmp_path / "deep/c.log").read_bytes() == b"3 o cccccccc\n"
    assert (tmp_path / "deep/c.log.1").read_bytes() == b"2 o bbbbbbbb\n"
    assert len(list((tmp_path / "deep").iterdir())) == 2


def test_a_log_that_could_not_be_written_says_how_much_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LogFile(str(tmp_path / "c.log"))
    works = wire.write_all

    def full(fd: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wire, "write_all", full)
    log.write(b"1 o lost\n")
    monkeypatch.setattr(wire, "write_all", works)
    log.write(b"2 o kept\n")
    first, second = (tmp_path / "c.log").read_bytes().splitlines()
    assert first.endswith(b" s 9 bytes of log were lost: the disk was full")
    assert second == b"2 o kept"


def _recorder(done: list[str]) -> Callable[[str], steps.Step]:
    def step(name: str) -> steps.Step:
        return steps.Step(name, lambda: done.append(f"do {name}"), lambda: done.append(f"undo {name}"))

    return step


def _fail() -> None:
    raise OSError(28, "No space left on device", "/c/upper")


def test_steps_are_done_in_order() -> None:
    done: list[str] = []
    step = _recorder(done)
    steps.run([step("a"), step("b")])
    assert done == ["do a", "do b"]


def test_a_failing_step_undoes_those_before_it_in_reverse_and_is_named() -> None:
    done: list[str] = []
    step = _recorder(done)
    bad = steps.Step("mount its image", _fail, lambda: done.append("undo half"))
    with pytest.raises(steps.StepError) as caught:
        steps.run([step("a"), step("b"), bad, step("never")])
    assert done == ["do a", "do b", "undo half", "undo b", "undo a"]
    assert caught.value.step == "mount its image"
    assert str(caught.value) == "could not mount its image: No space left on device (/c/upper)"


def test_an_undo_that_fails_does_not_stop_the_others() -> None:
    done: list[str] = []
    step = _recorder(done)
    with pytest.raises(steps.StepError) as caught:
        steps.run([step("a"), steps.Step("b", lambda: None, _fail), steps.Step("c", _fail)])
    assert done == ["do a", "undo a"]
    assert caught.value.leftovers == ["b: No space left on device (/c/upper)"]


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (0, "", 0),
        (5, "", 5),
        (255, "", 255),
        (255, "executable file `x` not found in $PATH: No such file or directory", 127),
        (1, "exec failed: Permission denied", 126),
        (-9, "", 137),
    ],
)
def test_exit_codes_of_exec_are_those_of_a_shell(code: int, said: str, expected: int) -> None:
    assert execin.exit_code(code, said) == expected


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b", "a b", "-x", "x" * 101, 7, None])
def test_a_bad_container_id_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="not a container id"):
        check_id(name)


def test_a_spec_is_refused_by_the_name_of_what_is_wrong() -> None:
    assert check_spec(SPEC) is SPEC
    with pytest.raises(RequestError, match="cpu_milli"):
        check_spec({**SPEC, "cpu_milli": "1"})
    with pytest.raises(RequestError, match="argv"):
        check_spec({**SPEC, "argv": []})


def test_the_lock_tells_whether_a_shim_lives(tmp_path: Path) -> None:
    (tmp_path / "c1").mkdir()
    directory = ContainerDir(str(tmp_path), "c1")
    assert not directory.has_shim()
    fd = directory.lock()
    assert fd is not None
    assert directory.has_shim()


def test_a_file_that_a_power_failure_cut_off_counts_as_not_written(tmp_path: Path) -> None:
    (tmp_path / "c1").mkdir()
    (tmp_path / "c1/state.json").write_bytes(b"")
    directory = ContainerDir(str(tmp_path), "c1")
    assert directory.state() is None
    assert directory.init() == (0, 0)


def test_a_process_is_known_by_pid_and_start_time() -> None:
    import os

    me = os.getpid()
    start = process.start_time(me)
    assert process.is_running(me, start)
    assert not process.is_running(me, start + 1)
    assert process.open_pidfd(me, start + 1) is None
    pidfd = process.open_pidfd(me, start)
    assert pidfd is not None
    os.close(pidfd)


def test_messages_survive_the_wire_and_nonsense_is_refused(tmp_path: Path) -> None:
    assert wire.decode(wire.encode({"op": "hello"})) == {"op": "hello"}
    with pytest.raises(ValueError, match="not a JSON object"):
        wire.decode(b"[]")
    with pytest.raises(ValueError, match="larger than"):
        wire.encode({"x": "y" * wire.MESSAGE_BYTES_MAX})
    wire.write_json(str(tmp_path / "x"), {"a": 1})
    assert wire.read_json(str(tmp_path / "x")) == {"a": 1}
    assert wire.read_json(str(tmp_path / "none")) is None


def test_a_socket_path_of_any_length_can_be_used(tmp_path: Path) -> None:
    seen: list[str] = []
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    wire.with_short_path(str(deep / "s.sock"), seen.append)
    wire.with_short_path("/run/s.sock", seen.append)
    assert len(seen[0]) < wire.SOCKET_PATH_BYTES_MAX
    assert seen[1] == "/run/s.sock"


def test_logs_use_milliseconds_since_the_epoch() -> None:
    assert 1_600_000_000_000 < logpipe.now_ms() < 10_000_000_000_000


def test_a_program_in_sealed_memory_runs_and_cannot_be_written() -> None:
    image = machine._sealed(command.find("true"))
    try:
        assert command.run([f"/proc/self/fd/{image}"]).code == 0
        with pytest.raises(PermissionError):
            os.write(image, b"x")
    finally:
        os.close(image)


def test_a_program_that_cannot_be_kept_in_memory_is_run_from_its_file(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"no program")
    assert machine._sealed(str(broken)) == -1
    assert machine._sealed(str(tmp_path / "missing")) == -1
