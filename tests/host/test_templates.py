"""Templates: when they are used, what their children do not share, and that the death of any process harms no other."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import pytest
from spawner_harness import SpawnerHarness, connects, gone, wait_until

pytestmark = pytest.mark.host

QUIET = "import signal, sys\nprint('up')\nclass Server: ..."
LEAVES = """
import homeport
app = homeport.App("x")
@app.server(unauthenticated=True)
class Server:
    @homeport.enter()
    def begin(self): print("up")
    @homeport.exit()
    def leave(self): sys.exit(9)
import sys
"""
SERVER = """
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
class Server:
    def __init__(self):
        threading.Thread(target=ThreadingHTTPServer(("", 8000), SimpleHTTPRequestHandler).serve_forever).start()
"""
RANDOM = """
import json, logging, os, platform, random, secrets, ssl, sys, tempfile, uuid
class Server:
    def __init__(self):
        numbers = [random.random(), str(uuid.uuid1()), str(uuid.uuid4()), secrets.token_hex(), ssl.RAND_bytes(8).hex()]
        names = [next(tempfile._get_candidate_names()), os.urandom(8).hex()]
        print(json.dumps([*numbers, *names, platform.node(), logging._startTime]))
        sys.stdout.flush()
"""


def up(spawner: SpawnerHarness, name: str, rootfs: str, program: str = LEAVES) -> int:
    """The pid of a container's first process that was forked from a template and has entered."""
    spawner.guest(name, rootfs, program, "fork")
    spawner.wait_for_line(name, "up")
    assert spawner.state(name)["backend"] == "fork", spawner.log(name)
    return int(spawner.state(name)["init_pid"])


def test_the_first_container_is_started_by_crun_and_says_so(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.guest("one", rootfs, QUIET, "fork")
    spawner.wait_for_line("one", "up")
    said = ("s", "started by crun, not from a template: the template of its base image is still being made")
    assert said in spawner.log("one")
    assert spawner.state("one")["backend"] == "crun"
    wait_until(spawner.templates, "a template")
    up(spawner, "two", rootfs)
    assert [text for stream, text in spawner.log("two") if stream == "s"] == []


def test_a_container_that_asks_for_crun_gets_it_without_a_word(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.warm(rootfs)
    spawner.guest("plain", rootfs, QUIET, "crun")
    spawner.wait_for_line("plain", "up")
    assert spawner.log("plain") == [("o", "up")]
    assert spawner.state("plain")["backend"] == "crun"


def test_a_module_of_the_users_with_the_name_of_a_loaded_one_is_not_shadowed(
    spawner: SpawnerHarness, rootfs: str, tmp_path: Path
) -> None:
    spawner.warm(rootfs)
    mine = tmp_path / "queue.py"
    mine.write_text("WHOSE = 'mine'")
    spec = spawner.guest_spec("own", rootfs, "import queue\nprint(queue.WHOSE)\nprint('up')\nclass Server: ...", "fork")
    spec["binds"].append([str(mine), "/root/queue.py", True])
    spawner.request(op="start", spec=spec)
    spawner.wait_for_line("own", "up")
    assert ("o", "mine") in spawner.log("own")
    assert any(stream == "s" and "its own module 'queue'" in text for stream, text in spawner.log("own"))


def test_children_share_no_random_state_and_know_their_own_name(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.warm(rootfs)
    seen, begun = [], time.time()
    for name in ("first1", "second"):
        spawner.guest(name, rootfs, RANDOM, "fork")
        spawner.wait_for_line(name, "[")
        assert spawner.state(name)["backend"] == "fork"
        seen.append(json.loads(spawner.log(name)[0][1]))
    *one, node, started = seen[0]
    *other, _, _ = seen[1]
    assert node == "first1"
    assert started >= begun, "not when the template was made"
    assert [mine for mine, others in zip(one, other, strict=True) if mine == others] == []


def test_a_template_has_one_thread_and_none_of_a_containers_files(spawner: SpawnerHarness, rootfs: str) -> None:
    pid = spawner.warm(rootfs)
    up(spawner, "it", rootfs)
    assert len(os.listdir(f"/proc/{pid}/task")) == 1
    # to the spawner, to the shim of the one container, and to two that are forked ahead (one of them after the container)
    wait_until(lambda: kinds_of_files(pid).count("socket") == 4, "four sockets")
    assert set(kinds_of_files(pid)) == {"socket", "pipe", "/dev/null", "pid"}
    mounts = Path(f"/proc/{pid}/mountinfo").read_text()
    assert "/containers/" not in mounts
    assert "app.py" not in mounts
    with pytest.raises(OSError, match="Read-only"):
        Path(f"/proc/{pid}/root/usr/bin/new").touch()


def kinds_of_files(pid: int) -> list[str]:
    """What is open there; what is closed meanwhile is not."""
    kinds = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            kinds.append(os.readlink(f"/proc/{pid}/fd/{name}").split(":")[0])
    return kinds


def test_containers_outlive_their_template_and_their_exit_codes_arrive(spawner: SpawnerHarness, rootfs: str) -> None:
    template = spawner.warm(rootfs)
    up(spawner, "it", rootfs)
    os.kill(template, signal.SIGKILL)
    wait_until(lambda: not spawner.templates(), "the spawner to notice")
    spawner.guest("next", rootfs, LEAVES, "fork")
    spawner.wait_for_line("next", "up")
    spawner.stop("it", 60_000)
    ending = spawner.ending("it")
    assert ending["exit_code"] in (9, None)  # None where the kernel can't tell of a process that is nobody's child
    assert ending["signal"] is None
    found = wait_until(spawner.templates, "a new template")
    assert found[0]["pid"] != template
    up(spawner, "again", rootfs)


def test_a_template_ends_with_its_last_child_and_not_before(spawner: SpawnerHarness, rootfs: str) -> None:
    template = spawner.warm(rootfs)
    up(spawner, "it", rootfs)
    spawner.kill()
    assert not gone(template)
    os.kill(int((spawner.read("it", "state.json") or {})["init_pid"]), signal.SIGTERM)
    assert spawner.ending("it")["exit_code"] == 9
    wait_until(lambda: gone(template), "the template's end")


def test_a_new_spawner_makes_the_templates_of_the_last_one(spawner: SpawnerHarness, rootfs: str) -> None:
    template = spawner.warm(rootfs)
    spawner.kill()
    wait_until(lambda: gone(template), "the template's end")
    spawner.up()
    wait_until(spawner.templates, "a template that nobody asked for")
    up(spawner, "it", rootfs)


def test_a_new_shim_takes_over_a_forked_container(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.warm(rootfs)
    up(spawner, "it", rootfs)
    spawner.kill_shim("it")
    spawner.stop("it", 60_000)
    assert spawner.ending("it")["exit_code"] in (9, None)


def test_all_killed_at_once_leaves_containers_that_run_on_or_are_swept(spawner: SpawnerHarness, rootfs: str) -> None:
    template = spawner.warm(rootfs)
    address = spawner.guest("lives", rootfs, SERVER, "fork")
    wait_until(lambda: connects(address), "the port")
    up(spawner, "dies", rootfs)
    dying = spawner.state("dies")
    for name in ("lives", "dies"):
        spawner.kill_shim(name)
    os.kill(template, signal.SIGKILL)
    os.kill(dying["init_pid"], signal.SIGKILL)
    spawner.kill()
    wait_until(lambda: gone(dying["init_pid"]), "its death")
    assert connects(address)
    spawner.up()
    assert spawner.ending("dies")["error"] == ""
    assert not any(os.path.exists(path) for path in dying["cgroups"])
    assert spawner.request(op="adopt", id="lives")["shim_pid"]
    assert connects(address)
    code, said, _ = spawner.exec("lives", ["cat", "/proc/1/comm"])
    assert (code, said) == (0, b"python3\n")


def test_a_template_that_hangs_is_replaced_and_harms_no_container(spawner: SpawnerHarness, rootfs: str) -> None:
    template = spawner.warm(rootfs)
    os.kill(template, signal.SIGSTOP)
    spawner.guest("it", rootfs, QUIET, "fork")
    spawner.wait_for_line("it", "up")
    assert spawner.state("it")["backend"] == "crun"
    said = "started by crun: its template failed: the template does not answer"
    wait_until(lambda: ("s", said) in spawner.log("it"), "a word about it")
    wait_until(lambda: gone(template), "its end")
    spawner.guest("next", rootfs, QUIET, "fork")
    wait_until(lambda: [each for each in spawner.templates() if each["pid"] != template], "a new one")
    up(spawner, "last", rootfs)


def test_a_layer_that_replaces_what_is_loaded_is_left_to_crun(spawner: SpawnerHarness, rootfs: str, tmp_path: Path) -> None:
    spawner.warm(rootfs)
    layer = tmp_path / "layer"
    (layer / "usr/lib/python3.11").mkdir(parents=True)
    (layer / "usr/lib/python3.11/queue.py").write_text("WHOSE = 'patched'")
    spec = spawner.guest_spec("patched", rootfs, "import queue\nprint(queue.WHOSE)\nprint('up')\nclass Server: ...", "fork")
    spec["layers"] = [str(layer), rootfs]
    spawner.request(op="start", spec=spec)
    spawner.wait_for_line("patched", "up")
    assert ("o", "patched") in spawner.log("patched")
    assert any("replaces /usr/lib/python3.11/queue.py" in text for stream, text in spawner.log("patched"))


def test_many_at_once_all_come_from_the_template(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.warm(rootfs)
    addresses = {f"many{number}": spawner.guest(f"many{number}", rootfs, SERVER, "fork") for number in range(20)}
    for address in addresses.values():
        wait_until(lambda address=address: connects(address), "the port")
    assert {spawner.state(name)["backend"] for name in addresses} == {"fork"}
