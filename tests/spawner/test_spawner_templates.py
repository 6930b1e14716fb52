"""Which containers come from a template, what it is told, and what its side of the conversation is taken for."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from homeport.spawner import forkable, forked, ocispec, orders, preload, syscalls
from homeport.spawner.forkable import Ground, Unfit

MAIN = "/opt/homeport/lib/homeport/guest/main.py"
GROUND = Ground(frozenset({"/usr/bin/python3", "/usr/lib/python3.11/queue.py"}), frozenset({"queue", "sys"}))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base image with a python3."""
    for name in ("usr/bin/python3", "usr/lib/python3.11/queue.py"):
        file = tmp_path / "base" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path / "base"


def spec(base: Path, *above: Path, **more: Any) -> dict[str, Any]:
    common = {
        "layers": [*map(str, above), str(base)],
        "argv": ["python3", "-I", "-S", MAIN],
        "env": {"PATH": "/usr/local/bin:/usr/bin", "HOMEPORT_GUEST_PATH": "app.py"},
        "binds": [["/lib/v1", "/opt/homeport/lib", True], ["/src/app.py", "/root/app.py", True]],
        "backend": "auto",
        "base_layers": 1,
    }
    return {**common, **more}


def why(spec: dict[str, Any]) -> str:
    """Why it is left to crun."""
    with pytest.raises(Unfit) as refused:
        check(spec)
    return str(refused.value)


def check(spec: dict[str, Any]) -> None:
    key = forkable.key(spec)
    forkable.check_layers(spec, key, GROUND)
    forkable.check_names(spec, key, GROUND)


def test_images_on_the_same_base_share_a_template(base: Path, tmp_path: Path) -> None:
    plain, with_packages = spec(base), spec(base, tmp_path / "packages")
    assert forkable.key(plain) == forkable.key(with_packages)
    assert forkable.key(plain).program == "/usr/bin/python3"
    assert forkable.key(plain).library == "/lib/v1"


@pytest.mark.parametrize(
    "change",
    [
        {"backend": "crun"},
        {"argv": ["python3", "-m", "http.server"]},
        {"argv": ["python3", "-I", "-S", "/root/main.py"]},
        {"binds": []},
        {"base_layers": None},
    ],
)
def test_where_nobody_would_expect_a_fork_nothing_is_said(base: Path, change: dict[str, Any]) -> None:
    assert why(spec(base, **change)) == ""


def test_only_the_platforms_own_base_is_run_before_it_is_confined(base: Path) -> None:
    assert why(spec(base, base_layers=0)) == "its base image is not one of the platform's own"


@pytest.mark.parametrize("name", ["LD_PRELOAD", "GLIBC_TUNABLES", "OPENSSL_CONF", "PYTHONPATH"])
def test_what_only_a_new_process_reads_needs_a_new_process(base: Path, name: str) -> None:
    assert name in why(spec(base, env={"PATH": "/usr/bin", name: "x"}))


def test_another_language_is_another_template(base: Path) -> None:
    env = {"PATH": "/usr/bin"}
    assert forkable.key(spec(base, env=env)) != forkable.key(spec(base, env={**env, "LC_ALL": "C"}))
    assert forkable.key(spec(base, env=env)) == forkable.key(spec(base, env={**env, "MINE": "x"}))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("usr/lib/python3.11/queue.py", "replaces /usr/lib/python3.11/queue.py"),
        ("usr/local/bin/python3", "another python3"),
        ("lib", "replaces /lib"),
    ],
)
def test_a_layer_above_must_leave_alone_what_is_loaded(base: Path, tmp_path: Path, path: str, words: str) -> None:
    layer = tmp_path / "layer"
    (layer / path).parent.mkdir(parents=True)
    (layer / path).touch()
    assert words in why(spec(base, layer))


def test_other_files_in_layers_above_do_no_harm(base: Path, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    (layer / "usr/local/lib/python3.11/dist-packages/fastapi").mkdir(parents=True)
    check(spec(base, layer))


@pytest.mark.parametrize("target", ["/root/queue.py", "/root/queue"])
def test_a_users_module_with_a_loaded_name_is_left_to_crun(base: Path, target: str) -> None:
    binds = [*spec(base)["binds"], ["/src/x", target, True]]
    assert "'queue'" in why(spec(base, binds=binds))


def test_names_are_also_looked_for_beside_a_file_in_a_folder_and_in_the_image(base: Path, tmp_path: Path) -> None:
    (tmp_path / "src/jobs").mkdir(parents=True)
    (tmp_path / "src/jobs/queue.py").touch()
    binds = [["/lib/v1", "/opt/homeport/lib", True], [str(tmp_path / "src/jobs"), "/root/jobs", True]]
    env = {"PATH": "/usr/bin", "HOMEPORT_GUEST_PATH": "jobs/app.py"}
    assert "'queue'" in why(spec(base, binds=binds, env=env))
    layer = tmp_path / "layer"
    (layer / "root").mkdir(parents=True)
    (layer / "root/queue.py").touch()
    assert "'queue'" in why(spec(base, layer))


def test_orders_say_what_crun_would_be_told() -> None:
    place = ocispec.Place("/c/rootfs", "", "/c/hosts", "/c/resolv.conf", 20_000, "x86_64")
    wanted = {"argv": ["x"], "env": {"A": "b=c"}, "cwd": "/w", "binds": [["/s", "/root/lib/t", True]], "hostname": "h"}
    config = ocispec.config(wanted, place)
    found = orders.orders(config, "00ff", "x86_64")
    assert json.loads(json.dumps(found)) == found
    assert found["rights"]["capabilities"] == 0x800405FB
    assert found["rights"]["open_files"] == [20_000, 20_000]
    assert [bind["target"] for bind in found["binds"]] == ["/etc/hosts", "/etc/resolv.conf", "/root/lib/t"]
    assert found["binds"][-1]["flags"] == syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV
    assert found["masked"] == config["linux"]["maskedPaths"]
    dev = next(mount for mount in found["mounts"] if mount["target"] == "/dev")
    assert (dev["flags"], dev["data"]) == (syscalls.MS_NOSUID | syscalls.MS_STRICTATIME, "mode=755,size=65536k")
    assert orders.environment(config["process"])["A"] == "b=c"


def test_nothing_that_makes_a_secret_or_reads_the_machine_is_loaded_before_a_fork() -> None:
    assert not {"multiprocessing", "uuid", "platform", "getpass"} & set(preload.standard())


class Other:
    """The template's end of a conversation, and its child's."""

    def __init__(self, *, patient: bool = False) -> None:
        ours, self.socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.forked = forked.Forked(ours.detach(), patient=patient)
        self.pids: list[int] = []

    def begin(self, *said: bytes) -> None:
        for text in said:
            self.socket.send(text)
        null = os.open("/dev/null", os.O_RDONLY)
        try:
            self.forked.order({"orders": {}}, (null, null, null, null))
            self.forked.begin(self.pids.append)
        finally:
            os.close(null)


@pytest.fixture
def other() -> Other:
    return Other()


@pytest.mark.parametrize("said", [(b"pid 7", b"ready"), (b"ready", b"pid 7")])
def test_the_pid_is_known_before_the_process_may_go(other: Other, said: tuple[bytes, ...]) -> None:
    other.begin(*said)
    assert other.pids == [7]
    assert json.loads(other.socket.recv(4096)) == {"orders": {}}
    assert [other.socket.recv(4096) for _ in range(2)] == [b"prepared", b"go"]
    other.socket.send(b"status 256")
    assert other.forked.status() == 256


@pytest.mark.parametrize(
    ("said", "words"),
    [((b"pid 7", b"error mount /x: denied"), "mount /x: denied"), ((b"pid 7", b"status 9"), r"ended at once \(status 9\)")],
)
def test_what_goes_wrong_is_told(other: Other, said: tuple[bytes, ...], words: str) -> None:
    with pytest.raises(OSError, match=words):
        other.begin(*said)


def test_the_death_of_a_template_is_noticed(other: Other) -> None:
    threading.Thread(target=lambda: (other.socket.recv(4096), other.socket.recv(4096), other.socket.close())).start()
    with pytest.raises(OSError, match="the template ended"):
        other.begin(b"pid 7")


def test_a_template_that_died_leaves_the_status_to_others(other: Other) -> None:
    other.begin(b"pid 7", b"ready")
    other.socket.close()
    assert other.forked.status() is None


def test_a_trial_waits_for_an_end_that_is_still_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine would be without its template for good."""
    monkeypatch.setattr(forked, "_STATUS_MS_MAX", 0)
    hasty, patient = Other(), Other(patient=True)
    for other in (hasty, patient):
        other.begin(b"pid 7", b"ready")
    assert hasty.forked.status() is None
    ends = threading.Timer(0.05, patient.socket.send, [b"status 0"])
    ends.start()
    assert patient.forked.status() == 0
    ends.join()


def test_an_unanswered_request_has_a_deadline(other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked, "_ANSWER_MS_MAX", 0)
    with pytest.raises(TimeoutError):
        other.begin()
