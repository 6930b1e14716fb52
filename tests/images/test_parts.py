"""The pure parts of builds: redaction, following buildah, the runtime, registries' words, caches, Pythons, logs, names."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from homeport.errors import ImageBuildError, InvalidError, NotFoundError, PlatformError, ResourceExhaustedError
from homeport.images import buildlog, collecting, failures, keptlog, machine, ociruntime, pythons, registry
from homeport.images.buildlog import Tail, Tracker
from homeport.images.collecting import Cached, Limits
from homeport.images.keptlog import KeptLog
from homeport.images.layers import Stored
from homeport.images.limits import StepLimits
from homeport.images.published import PublishedName, PublishedNames, full_name
from homeport.images.redact import Redactor
from homeport.images.workplace import Grounds, sweep, workplace

BUILD = "im-" + "a" * 22
STEP = {"defaults": {"A": "machine", "B": "machine"}, "caches": {}, "env": {"C": "step"}, "mounts": []}


def test_secret_values_vanish_longest_first_and_line_by_line() -> None:
    redact = Redactor(["sesame", "sesame-open", "abc", "line one\nline two"])
    assert redact("x sesame-open sesame abc line two!") == "x *** *** abc ***!"


def test_a_tracker_knows_the_instruction_and_its_layer() -> None:
    tracker = Tracker()
    said = [
        "STEP 1/3: FROM x",
        "STEP 2/3: RUN a",
        "STEP 9/9: fake",
        "--> 000000000000",
        "--> 0f21c9d3a5b",
        "STEP 3/3: RUN b",
    ]
    assert [tracker.feed(line) for line in said] == [True, True, False, False, False, True]
    assert (tracker.at, tracker.committed) == (3, {2: "0f21c9d3a5b"})


def test_a_failure_has_the_step_its_status_and_its_last_lines() -> None:
    tail = Tail(lambda: False)
    tail.begin("3/3: RUN bad")
    for line in ("why", "", 'Error: building at STEP "RUN bad": while running runtime: exit status 2'):
        tail.feed(line)
    assert tail.failure('Error: building at STEP "RUN bad": while running runtime: exit status 2') == [
        "step 3 of 3: RUN bad (exit status 2)",
        "why",
    ]


def test_a_failure_gives_its_reason_once() -> None:
    tail = Tail(lambda: False)
    tail.begin("1/1: FROM nowhere/x")
    why = "creating build container: pinging container registry nowhere: no such host"
    for line in ("Trying to pull nowhere/x:latest...", f"Error: {why}"):
        tail.feed(line)
    assert tail.failure(f"Error: {why}") == [f"step 1 of 1: FROM nowhere/x ({why})", "Trying to pull nowhere/x:latest..."]


def test_a_full_disk_is_what_the_disk_says_and_not_a_step() -> None:
    for full in (False, True):
        tail = Tail(lambda full=full: full)  # type: ignore[misc]  # bound now
        tail.begin("3/3: RUN bad")
        tail.feed("dd: No space left on device")
        tail.feed("cleaning up")
        assert tail.is_full_disk is full
    assert buildlog.says_no_space('Error: committing container for step "x": write /a: no space left on device')
    assert not buildlog.says_no_space('Error: building at STEP "RUN echo no space left on device": exit status 1')


def test_errors_are_in_the_words_that_people_know() -> None:
    failed = failures.as_error(failures.BuildFailed(["step 2 of 2: RUN x (exit status 1)", "why"]), BUILD)
    assert isinstance(failed, ImageBuildError)
    assert failed.message.startswith(f"Image build for {BUILD} failed.\n  step 2 of 2")
    assert failed.message.endswith(f"`homeport image logs {BUILD}`.")
    slow = failures.as_error(failures.TooSlow(["x"]), BUILD)
    assert f"{BUILD} timed out. Please try again with a larger `timeout` parameter." in slow.message
    remote = failures.as_error(failures.BuildFailed(["Traceback"], remote=True), BUILD)
    assert f"Image build for {BUILD} failed with the exception:" in remote.message
    assert isinstance(failures.as_error(failures.DiskFull([]), BUILD), ResourceExhaustedError)


def test_a_steps_environment_wins_over_the_images_and_the_machines_does_not() -> None:
    config = {
        "process": {"env": ["B=image", "C=image", "PATH=/bin"], "user": {"uid": 1000, "gid": 1000}},
        "mounts": [{"type": "cgroup", "destination": "/sys/fs/cgroup"}],
        "linux": {"resources": {}, "namespaces": []},
    }
    step = {**STEP, "mounts": [{"source": "/s", "target": "/t", "read_only": True}]}
    made = ociruntime.configured(config, step)
    assert made["process"]["env"] == ["A=machine", "B=image", "C=step", "PATH=/bin"]
    assert made["process"]["user"]["uid"] == 0
    assert [(m["destination"], m["options"]) for m in made["mounts"]] == [("/t", ["rbind", "private", "ro"])]
    assert made["linux"] == {"namespaces": []}


def test_a_line_that_mounts_a_cache_of_its_own_keeps_it() -> None:
    config = {"process": {"env": ["B=image"]}, "mounts": [{"type": "bind", "destination": "/data/.cached"}]}
    step = {**STEP, "caches": {"B": "cache", "D": "cache"}}
    assert ociruntime.configured(config, step)["process"]["env"] == ["A=machine", "B=image", "D=cache", "C=step"]
    config["mounts"] = [{"type": "bind", "destination": "/root/.cache/pip"}]
    assert ociruntime.configured(config, step)["process"]["env"] == ["A=machine", "B=image", "C=step"]


def test_mount_points_that_were_made_go_again_and_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    made = ociruntime.missing(str(tmp_path), "/run/a/b")
    assert made == ["run/a", "run/a/b"]
    assert ociruntime.missing(str(tmp_path), "/link/new") == ociruntime.missing(str(tmp_path), "/../new") == []
    (tmp_path / "run/a/b").mkdir(parents=True)
    ociruntime.tidy(str(tmp_path), made)
    assert list((tmp_path / "run").iterdir()) == []
    (tmp_path / "run/a").mkdir()
    (tmp_path / "run/a/kept").write_text("")
    ociruntime.tidy(str(tmp_path), made)
    assert (tmp_path / "run/a/kept").exists()


def test_a_step_that_puts_a_link_in_the_place_of_a_mount_point_has_nothing_removed_behind_it(tmp_path: Path) -> None:
    root, host = tmp_path / "root", tmp_path / "host"
    root.mkdir()
    (host / "empty").mkdir(parents=True)
    (host / "file").touch()
    made = ociruntime.missing(str(root), "/mnt/empty") + ociruntime.missing(str(root), "/mnt/file")
    (root / "mnt").symlink_to(host)
    ociruntime.tidy(str(root), made)
    ociruntime.tidy(str(root), ["../host/empty", "../host/file"])
    assert {path.name for path in host.iterdir()} == {"empty", "file"}


def test_a_folder_is_entered_without_following_anything(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/tmp")
    for parts in (["out"], ["out", "made"], [".."], ["a", ".."]):
        with pytest.raises(NotADirectoryError):
            ociruntime.enter(str(tmp_path), parts, make=True)
    with pytest.raises(FileNotFoundError):
        ociruntime.enter(str(tmp_path), ["b"])
    folder = ociruntime.enter(str(tmp_path), ["b", "c"], make=True)
    assert os.readlink(f"/proc/self/fd/{folder}") == f"{tmp_path}/b/c"
    os.close(folder)


def test_no_path_becomes_a_command_of_the_runtime(tmp_path: Path) -> None:
    """Where there is no such crun, nothing else may have run."""
    evil = f"{tmp_path}/x';echo INJECTED > {tmp_path}/run;'"
    (tmp_path / "bin").mkdir()
    for name in ("crun", "unshare"):
        (tmp_path / "bin" / name).symlink_to("/bin/true")
    for verb in ("state", "create", "delete"):
        text = ociruntime.script("true", evil, True, [evil])
        subprocess.run(["sh", "-c", text, "sh", verb], env={"PATH": f"{tmp_path}/bin:/bin"}, capture_output=True)
        assert not (tmp_path / "run").exists()


def test_what_others_made_among_the_workplaces_is_neither_used_nor_swept(tmp_path: Path) -> None:
    def grounds(name: str) -> Grounds:
        return Grounds(tmp_path / name / "disk", tmp_path / name / "memory", StepLimits("builds-of-this-test"))

    async def use(where: Grounds) -> None:
        async with workplace(where, []) as place:
            assert place.private.parent.stat().st_mode & 0o777 == 0o700

    for name in ("open", "link"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "target").mkdir(mode=0o700)
    (tmp_path / "open/memory").mkdir()
    (tmp_path / "open/memory").chmod(0o777)
    (tmp_path / "link/memory").symlink_to(tmp_path / "link/target")
    for name, left in (("open", "memory/left"), ("link", "target/left")):
        (tmp_path / name / left).mkdir()
        with pytest.raises(PlatformError, match="belongs to somebody else"):
            asyncio.run(use(grounds(name)))
        asyncio.run(sweep(grounds(name)))
        assert (tmp_path / name / left).exists()
    asyncio.run(use(grounds("own")))
    assert list((tmp_path / "own").iterdir()) == []


def test_the_runtime_hides_unified_cgroups_only_where_there_are_two_kinds() -> None:
    assert "umount" in ociruntime.script("/py", "/plan", hybrid_cgroups=True)
    assert "umount" not in ociruntime.script("/py", "/plan", hybrid_cgroups=False)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("a/b:1", "docker.io/a/b:1"),
        ("ghcr.io/a/b", "ghcr.io/a/b:latest"),
        ("localhost:5000/x:1", "localhost:5000/x:1"),
        (f"x@sha256:{'a' * 64}", f"docker.io/library/x@sha256:{'a' * 64}"),
    ],
)
def test_references_are_read_as_docker_does(short: str, full: str) -> None:
    assert registry.full_reference(short) == full


@pytest.mark.parametrize(
    ("said", "with_secret", "words"),
    [
        ("initializing source: reading manifest 1 in r/x: authentication required", False, "wants a login"),
        ("reading manifest 1 in r/x: unauthorized: authentication required", True, "did not accept the credentials"),
        ("reading manifest 9 in r/x: manifest unknown", False, "has no image"),
        ("pinging container registry r: dial tcp: connect: connection refused", False, "can't be reached"),
        (
            "choosing an image from manifest list: no image found in manifest list for architecture amd64",
            False,
            "is for other",
        ),
        ("writing blob: happened during read: Digest did not match", False, "is damaged"),
    ],
)
def test_a_pull_that_failed_says_why_and_what_to_do(said: str, with_secret: bool, words: str) -> None:
    assert words in registry.why_not("r.example/x:1", [f"Error: {said}"], with_secret)


def test_a_login_needs_both_keys_and_the_missing_one_is_named() -> None:
    with pytest.raises(InvalidError, match="'reg' lacks the key REGISTRY_PASSWORD"):
        registry.auth_file(["r.example/x:1"], {"REGISTRY_USERNAME": "u"}, "reg")
    text = registry.auth_file(["r.example/x:1"], {"REGISTRY_USERNAME": "u", "REGISTRY_PASSWORD": "p"}, "reg")
    assert json.loads(text) == {"auths": {"r.example": {"auth": "dTpw"}}}


def test_uv_takes_pips_index_unless_it_has_its_own() -> None:
    pip = machine.pip_conf("", {"PIP_INDEX_URL": "https://a/simple", "PIP_EXTRA_INDEX_URL": "https://b file:///here"})
    assert "file:" not in pip
    found = machine.environment({}, pip, has_certificates=True)
    assert (found["UV_DEFAULT_INDEX"], found["UV_INDEX"]) == ("https://a/simple", "https://b")
    assert found["SSL_CERT_FILE"] == machine.CERTIFICATES
    own = machine.environment({"UV_DEFAULT_INDEX": "https://own"}, pip, has_certificates=False)
    assert own["UV_DEFAULT_INDEX"] == "https://own"
    assert "SSL_CERT_FILE" not in own


def test_apt_gets_the_machines_proxy_certificates_and_logins() -> None:
    text = machine.apt_conf('Acquire::http::Proxy "http://p";\nAcquire::https::CaInfo "/x";\n', True, True)
    assert text.splitlines() == [
        'Acquire::http::Proxy "http://p";',
        f'Acquire::https::CaInfo "{machine.CERTIFICATES}";',
        f'Dir::Etc::netrc "{machine.NETRC}";',
    ]
    assert machine.netrc(["http://u:p@m:81/debian", "http://m/x"]) == "machine m:81 login u password p\n"


def image(name: str, *layers: str, created_s: float = 0) -> Stored:
    return Stored(name, (), layers, created_s)


def test_the_cache_is_what_no_kept_image_stands_on() -> None:
    images = [image("base", "b"), image("kept", "k", "b"), image("old", "o", "b", created_s=5), image("new", "n", "o", "b")]
    sizes = {"b": 1, "k": 2, "o": 3, "n": 4}
    found = collecting.cached(images, sizes, {"kept"}, {"new": 9.0}.get)  # type: ignore[arg-type]  # 0.0 and None are one
    assert found == [Cached("old", 5, 3), Cached("new", 9.0, 4)]


def test_too_old_goes_first_and_then_the_oldest_beyond_the_size() -> None:
    found = [Cached("a", 10, 5), Cached("b", 90, 5), Cached("c", 95, 5)]
    assert [each.image_id for each in collecting.over(found, Limits(50, 100), 100)] == ["a"]
    assert [each.image_id for each in collecting.over(found, Limits(50, 5), 100)] == ["a", "b"]
    assert collecting.over(found, Limits(500, 100), 100) == []


def test_a_python_is_found_through_links_and_not_below_whiteouts(tmp_path: Path) -> None:
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    (lower / "usr/bin").mkdir(parents=True)
    upper.mkdir()
    (lower / "bin").symlink_to("usr/bin")
    (lower / "usr/bin/python3").symlink_to("python3.12")
    (lower / "usr/bin/python3.12").write_text("")
    layers = [str(upper), str(lower)]
    assert pythons.version_in(layers, "/nowhere:/bin") == "3.12"
    assert pythons.version_in(layers, "/nowhere") == ""
    (upper / "usr").write_text("now a file")
    assert pythons.version_in(layers, "/bin") == ""


def test_a_python_without_its_version_in_the_name_is_told_by_its_library(tmp_path: Path) -> None:
    (tmp_path / "opt/bin").mkdir(parents=True)
    (tmp_path / "opt/bin/python3").write_text("")
    (tmp_path / "opt/lib/python3.13").mkdir(parents=True)
    (tmp_path / "opt/lib/python3.13/os.py").write_text("")
    assert pythons.version_in([str(tmp_path)], "/opt/bin") == "3.13"


def test_links_in_a_circle_are_no_python(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    os.symlink("python3", tmp_path / "bin/python3")
    assert pythons.version_in([str(tmp_path)], "/bin") == ""


def test_a_log_is_kept_for_its_image_and_replaced_by_the_next(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with KeptLog(tmp_path / "logs", BUILD) as log:
            log.write(text)
            assert list(keptlog.read(tmp_path / "logs", BUILD)) == [text]
    assert (tmp_path / "logs" / f"{BUILD}.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("name", "kind"), [("im-" + "b" * 22, NotFoundError), ("../../etc/passwd", InvalidError)])
def test_a_log_that_is_not_there_or_no_log_is_said(tmp_path: Path, name: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        list(keptlog.read(tmp_path, name))


def test_names_have_a_tag_and_survive(tmp_path: Path) -> None:
    PublishedNames(tmp_path / "names.json").put(PublishedName(full_name("tools"), "i1", BUILD, 5, "ann"))
    found = PublishedNames(tmp_path / "names.json")
    assert found.get("tools:latest") == found.get("tools")
    assert found.get("tools:v2") is None
    assert found.holds("i1")


@pytest.mark.parametrize("name", ["", "a b", "x:", ":x", "-x", "x:y:z"])
def test_what_can_be_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidError):
        full_name(name)
