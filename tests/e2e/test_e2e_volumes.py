"""Volumes on a real platform: shared by containers, kept through every kind of end, reached from outside, and never left."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from e2e_harness import Box, Done, kill, running, wait_until
from e2e_sources import server

VOLUME = "homeport.Volume.from_name('{name}', create_if_missing=True)"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Box]:
    """A platform for one test, which may kill it."""
    with running(tmp_path) as started:
        yield started


def mounting(app: str, path: str, volume: str, text: str = "one") -> str:
    return server(app, text, options=f"volumes={{{path!r}: {volume}}}")


def named(name: str, options: str = "") -> str:
    return VOLUME.format(name=name) + (f".with_mount_options({options})" if options else "")


def said(done: Done) -> str:
    assert done.code == 0, done
    return done.out.strip()


def refused(box: Box, *arguments: str) -> str:
    """The one line with which a command was refused."""
    done = box.run(*arguments)
    assert (done.code, done.out) == (1, ""), done
    assert "Traceback" not in done.err
    return done.err.splitlines()[-1]


def folder(box: Box, name: str) -> Path:
    """Where the Volume's files are on this machine."""
    (found,) = [line["volume_id"] for line in box.json("volume", "list") if line["name"] == name]
    return box.data_dir / "volumes" / found


@pytest.mark.host
def test_two_apps_share_a_volume_and_all_of_it_is_root_s(box: Box) -> None:
    box.deploy("writes", mounting("writes", "/data", named("shared")))
    box.deploy("reads", mounting("reads", "/mnt/it", named("shared", "read_only=True")))
    said(box.inside("writes", "import os; os.makedirs('/data/a'); open('/data/a/b', 'w').write('hello')"))
    read = "import os; s = os.stat('/mnt/it/a/b'); print(open('/mnt/it/a/b').read(), s.st_uid, s.st_gid)"
    assert said(box.inside("reads", read)) == "hello 0 0"
    denied = box.inside("reads", "open('/mnt/it/a/b', 'w')")
    assert "Read-only file system" in denied.err, denied
    assert box.ok("volume", "get", "shared", "a/b", "-") == "hello"
    box.ok("volume", "put", "shared", str(box.write("c", "from outside")), "/a/c")
    assert said(box.inside("writes", "print(open('/data/a/c').read())")) == "from outside"
    box.stop_all()


@pytest.mark.host
def test_a_sub_path_is_all_that_is_seen_and_is_made_when_it_is_missing(box: Box) -> None:
    box.deploy("part", mounting("part", "/data", named("parts", "sub_path='/users/ann'")))
    said(box.inside("part", "open('/data/x', 'w').write('1')"))
    assert [e["path"] for e in box.json("volume", "ls", "parts", "-r")] == ["users", "users/ann", "users/ann/x"]
    assert said(box.inside("part", "import os; print(os.listdir('/data/..').count('users'))")) == "0"
    box.stop_all()


@pytest.mark.host
def test_a_sub_path_through_a_symlink_that_a_container_made_starts_nothing(box: Box) -> None:
    box.deploy("makes", mounting("makes", "/data", named("traps")))
    said(box.inside("makes", "import os; os.symlink('/etc', '/data/out'); os.symlink('/', '/data/all')"))
    path = box.write("walks.py", mounting("walks", "/data", named("traps", "sub_path='all/root'")))
    done = box.run("deploy", str(path))
    assert done.code == 1, done
    assert "the sub_path all of Volume vo-" in done.err
    assert "is a file or symlink, and no folder" in done.err
    for arguments in (["ls", "traps", "out"], ["get", "traps", "out/passwd", "-"], ["get", "traps:/all/etc/passwd", "-"]):
        assert "leads out of the Volume by a symlink" in refused(box, "volume", *arguments)
    leak = box.write("leak", "x")
    assert "leads out of the Volume" in refused(box, "volume", "put", "traps", str(leak), "/out/leak")
    assert not Path("/etc/leak").exists()
    box.ok("volume", "rm", "traps", "out")
    assert Path("/etc/passwd").exists()
    box.stop_all()


COMMITS = """
import homeport, os
open('/data/kept', 'w').write('kept')
homeport.Volume.from_name('lasting').commit()
print('committed', flush=True)
"""


@pytest.mark.host
def test_what_was_committed_is_there_after_everything_was_killed(own: Box) -> None:
    url = own.deploy("lasts", mounting("lasts", "/data", named("lasting")))
    lib = "import sys; sys.path.insert(0, '/opt/homeport/lib')\n"
    assert said(own.inside("lasts", lib + COMMITS)) == "committed"
    pids = own.pids()
    init = own.processes_of(own.container("lasts")["container_id"])["init"]
    for pid in (pids["control"], pids["spawner"], init):
        kill(pid)
    own.up()
    own.answers(url, "one")
    assert said(own.inside("lasts", "print(open('/data/kept').read())")) == "kept"


RELOADS = """
import homeport, os
v = homeport.Volume.from_name('busy')
v.reload()
f = open('/data/x/log.txt', 'w')
try:
    v.reload()
except RuntimeError as error:
    print(error)
f.close()
v.reload()
try:
    homeport.Volume.from_name('other').commit()
except RuntimeError as error:
    print(error)
"""


@pytest.mark.host
def test_reload_names_the_open_file_that_is_in_its_way(box: Box) -> None:
    box.deploy("busy", mounting("busy", "/data", named("busy")))
    lib = "import sys, os; sys.path.insert(0, '/opt/homeport/lib'); os.mkdir('/data/x')\n"
    assert said(box.inside("busy", lib + RELOADS)).splitlines() == [
        "volume busy: there are open files preventing the operation: path x/log.txt is open",
        "Volume 'other' is not mounted in this container; commit() and reload() need it in `volumes=`.",
    ]
    box.stop_all()


@pytest.mark.host
def test_a_deleted_volume_stays_with_who_has_it_and_new_containers_say_that_it_is_gone(own: Box) -> None:
    url = own.deploy("holds", mounting("holds", "/data", named("gone")))
    said(own.inside("holds", "open('/data/x', 'w').write('still here')"))
    files = folder(own, "gone")
    asked = own.run("volume", "delete", "gone")
    assert asked.code == 1
    assert "It is used by holds: containers that run keep it until they end" in asked.err
    own.ok("volume", "delete", "gone", "-y")
    own.ok("volume", "create", "gone")
    assert said(own.inside("holds", "print(open('/data/x').read())")) == "still here"
    assert own.get(url).text == "one"
    again = own.run("app", "rollover", "holds")
    assert (again.code, "Volume 'gone' (vo-" in again.err) == (1, True), again
    own.ok("container", "stop", own.container("holds")["container_id"], "-y")
    failed = wait_until(lambda: [c for c in own.containers("holds", "--all") if "was deleted" in str(c["reason"])], "words")
    assert "Volume 'gone' (vo-" in failed[0]["reason"]
    wait_until(lambda: not files.exists(), "the end of its files")
    own.ok("app", "stop", "holds", "-y")


@pytest.mark.host
def test_files_of_a_deleted_volume_that_nobody_has_go_at_once(box: Box) -> None:
    box.ok("volume", "create", "brief")
    box.ok("volume", "put", "brief", str(box.write("x", "x")))
    files = folder(box, "brief")
    assert (files / "x").read_text() == "x"
    box.ok("volume", "delete", "brief", "-y")
    assert not files.exists()


@pytest.mark.host
def test_what_an_exit_method_writes_is_there_for_the_next_container(box: Box) -> None:
    text = mounting("ends", "/data", named("ends"))
    url = box.deploy("ends", text.replace('print("the exit method ran", flush=True)', "open('/data/last', 'a').write('x')"))
    old = box.container("ends")
    box.ok("container", "stop", old["container_id"], "-y")
    box.replaced("ends", old)
    box.answers(url, "one")
    assert box.ok("volume", "get", "ends", "last", "-") == "x"
    box.stop_all()


@pytest.mark.host
@pytest.mark.parametrize(
    ("volumes", "words"),
    [
        ("{'/data': V, '/more': V}", "is mounted twice, at '/data' and '/more'"),
        ("{'/etc': V}", "the Volume path '/etc' is a system path"),
        ("{'/proc/x': V}", "the Volume path '/proc/x' lies in a system path"),
        ("{'/root': V}", "would hide the container's own files"),
        ("{'/root/bad.py': V}", "can't be mounted at '/root/bad.py': the App's own source is there too"),
        ("{'data': V}", "must be absolute"),
        ("{'/a': V, '/a/b': homeport.Volume.from_name('w', create_if_missing=True)}", "it lies in /a, where Volume 'v' is"),
        ("{'/data': homeport.Volume.from_name('nowhere')}", "Volume 'nowhere' not found in the 'main' environment"),
        ("{'/data': V.with_mount_options(sub_path='../x')}", "The sub_path '../x' leaves the Volume by '..'"),
        ("{'/data': homeport.CloudBucketMount('b')}", "CloudBucketMount ('b') is not available"),
    ],
)
def test_volumes_that_cant_be_mounted_are_refused_in_one_line(box: Box, volumes: str, words: str) -> None:
    text = server("bad", options=f"volumes={volumes}")
    path = box.write("bad.py", text.replace("app = ", f"V = {VOLUME.format(name='v')}\napp = ", 1))
    done = box.run("deploy", str(path))
    assert (done.code, words in done.err) == (1, True), done


@pytest.mark.host
def test_a_tree_goes_there_and_back(box: Box, tmp_path: Path) -> None:
    box.ok("volume", "create", "trees")
    for name in ("t/a.txt", "t/deep/er/b.bin", "t/ü.txt"):
        box.write(name, f"content of {name}")
    box.write("t/deep/empty", "")
    (box.root / "t" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (box.root / "t" / "run.sh").chmod(0o755)
    box.ok("volume", "put", "trees", str(box.root / "t"), "/up")
    listed: list[dict[str, Any]] = box.json("volume", "ls", "trees:/up", "-r")
    assert [e["path"] for e in listed if e["type"] == "file"] == [
        *("up/a.txt", "up/deep/empty", "up/deep/er/b.bin", "up/run.sh", "up/ü.txt"),
    ]
    assert os.access(folder(box, "trees") / "up" / "run.sh", os.X_OK)
    again = refused(box, "volume", "put", "trees", str(box.root / "t"), "/up")
    assert (
        again
        == "Error: '/up/a.txt' (and 4 more of these files) exists already in the Volume; force=True (-f) overwrites it."
    )
    box.ok("volume", "cp", "trees", "/up", "/copy", "-r")
    box.ok("volume", "rm", "trees", "/up", "-r")
    box.ok("volume", "get", "trees", "/copy", str(box.root / "back"))
    assert (box.root / "back/copy/deep/er/b.bin").read_text() == "content of t/deep/er/b.bin"
    assert (box.root / "back/copy/deep/empty").read_text() == ""
    assert (box.root / "back/copy/ü.txt").read_text() == "content of t/ü.txt"


# The file to be sent can be read as far as its middle, until there is no control plane any more.
UPLOADS = """
import io, os, time
import homeport

class Half(io.FileIO):
    def read(self, size=-1):
        while self.tell() >= 8 << 20 and os.path.exists("/proc/{control}/exe"):
            time.sleep(0.01)
        return super().read(min(size, 1 << 20))

try:
    with homeport.Volume.from_name("cut").batch_upload() as batch:
        batch.put_file(Half("large"), "/large")
except homeport.exception.Error as error:
    print("Error:", error)
"""


@pytest.mark.host
def test_a_control_plane_killed_in_the_middle_of_an_upload_leaves_no_part_of_it(own: Box) -> None:
    own.ok("volume", "create", "cut")
    with (own.root / "large").open("wb") as file:
        file.truncate(16 << 20)
    arriving = own.data_dir / "volumes" / ".arriving"
    control = own.pids()["control"]
    with ThreadPoolExecutor(1) as uploading:
        said = uploading.submit(own.python, UPLOADS.format(control=control))
        wait_until(lambda: [p for p in arriving.iterdir() if p.stat().st_size > 1 << 20], "the upload's beginning")
        kill(control)
        assert said.result().startswith("Error: "), said.result()
    own.up()
    assert json.loads(own.ok("volume", "ls", "cut", "--json")) == []
    assert list(arriving.iterdir()) == []


@pytest.mark.host
def test_a_plan_makes_no_volume(box: Box) -> None:
    path = box.write("planned.py", mounting("planned", "/data", named("planned")))
    planned = box.run("deploy", str(path), "--plan")
    assert planned.code == 2, planned
    assert "planned" not in [line["name"] for line in box.json("volume", "list")]
    box.ok("deploy", str(path))
    assert "planned" in [line["name"] for line in box.json("volume", "list")]
    assert box.run("deploy", str(path), "--plan").code == 0
