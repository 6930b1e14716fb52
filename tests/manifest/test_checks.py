"""The complete check of a manifest that somebody posted."""

from dataclasses import replace

import pytest
from hypothesis import given

from homeport.manifest import checks
from homeport.manifest.schema import (
    AppManifest,
    Entry,
    ImageRecipe,
    Resources,
    ScalePolicy,
    SecretRef,
    ServerSpec,
    SourceFile,
    VolumeMount,
)
from manifest.recipes import recipe_of

from .strategies import manifests

FILE = SourceFile("hello.py", "a" * 64, 12)
SERVER = ServerSpec("Server", Entry("hello", "Server", "hello.py"))
GOOD = AppManifest("hello", (SERVER,), (FILE,))


def only(problems: list[str]) -> str:
    assert len(problems) == 1, problems
    return problems[0]


def test_a_plain_manifest_is_valid() -> None:
    assert checks.problems(GOOD) == []


@given(manifests)
def test_no_manifest_makes_the_check_itself_fail(manifest: AppManifest) -> None:
    assert all(isinstance(problem, str) and problem for problem in checks.problems(manifest))


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (replace(SERVER, port=0), "Port must be a positive integer between 1 and 65535."),
        (replace(SERVER, port=65536), "Port must be a positive integer between 1 and 65535."),
        (replace(SERVER, startup_timeout_ms=0), "The `startup_timeout` argument must be positive."),
        (replace(SERVER, exit_grace_period_ms=3_600_001), "must not exceed 3600 seconds (1 hour)."),
        (replace(SERVER, exit_grace_period_ms=-1), "must not be negative"),
        (replace(SERVER, routing_region=""), "The `routing_region` argument must be passed."),
        (replace(SERVER, name="a b"), "Invalid Server name"),
        (replace(SERVER, scale=ScalePolicy(target_concurrency_centi=99)), "`target_concurrency`"),
        (replace(SERVER, scale=ScalePolicy(target_concurrency_centi=301, max_concurrency=3)), "cannot be greater than"),
        (replace(SERVER, scale=ScalePolicy(min_containers=3, max_containers=2)), "`min_containers` (3) cannot be greater"),
        (replace(SERVER, scale=ScalePolicy(max_containers=0)), "`max_containers` argument must be between 1"),
        (replace(SERVER, scale=ScalePolicy(scaledown_window_s=1)), "must be between 2 and 3600 (inclusive)"),
        (replace(SERVER, scale=ScalePolicy(scaledown_window_s=3601)), "must be between 2 and 3600 (inclusive)"),
        (replace(SERVER, scale=ScalePolicy(scaleup_window_s=0)), "`scaleup_window` must be > 0"),
        (replace(SERVER, resources=Resources(cpu_milli=0)), "`cpu` must be positive"),
        (replace(SERVER, resources=Resources(memory_mib=256, memory_limit_mib=128)), "the `memory` limit (128)"),
        (replace(SERVER, resources=Resources(gpu=("H100 x",))), "GPU 'H100 x' is invalid"),
        (replace(SERVER, image=ImageRecipe(python_version="4")), "must look like '3.11'"),
        (replace(SERVER, image=ImageRecipe(python_version="3.11; rm")), "must look like '3.11'"),
        (replace(SERVER, env=(("A=B", "x"),)), "environment variable 'A=B'"),
        (replace(SERVER, env=(("A", "\0"),)), "environment variable 'A'"),
        (replace(SERVER, env=(("B", ""), ("A", ""))), "must be sorted"),
        (replace(SERVER, env=(("A", ""), ("A", ""))), "environment variable 'A' is given twice"),
        (replace(SERVER, volumes=(VolumeMount("data", "vo-1"),)), "the Volume path 'data' must be absolute"),
        (replace(SERVER, volumes=(VolumeMount("/a/../etc", "vo-1"),)), "leaves its folder"),
        (replace(SERVER, volumes=(VolumeMount("/root", "vo-1"),)), "would hide"),
        (replace(SERVER, secrets=(SecretRef("st-1", "a"), SecretRef("st-1", "a"))), "Secret 'a' is given twice"),
        (replace(SERVER, experimental_options=(("x", "{"),)), "is not JSON"),
        (replace(SERVER, entry=Entry("hello", "Ser ver", "hello.py")), "is not the name of a class"),
        (replace(SERVER, entry=Entry("hello", "f.<locals>.Server", "hello.py")), "is not the name of a class"),
        (replace(SERVER, entry=Entry("../x", "Server")), "is not the name of a module"),
        (replace(SERVER, entry=Entry("other", "Server", "hello.py")), "its module be named after it"),
        (replace(SERVER, entry=Entry("there", "Server", "there.py")), "is not among the source files"),
    ],
)
def test_one_wrong_setting_is_one_problem(server: ServerSpec, words: str) -> None:
    assert words in only(checks.problems(replace(GOOD, servers=(server,))))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/etc/passwd", "is absolute"),
        ("../x.py", "'..'"),
        ("a/../../x", "'..'"),
        ("a//b", "not normalised"),
        ("./a", "not normalised"),
        ("a/", "not normalised"),
        ("", "is empty"),
        ("a\nb", "control character"),
        ("a" * 256, "too long"),
        ("hello.py", "listed twice"),
        ("hello.py/x", "also a folder"),
    ],
)
def test_a_path_that_can_not_be_laid_out_is_a_problem(path: str, words: str) -> None:
    files = tuple(sorted((FILE, replace(FILE, path=path)), key=lambda file: file.path))
    assert words in only(checks.problems(replace(GOOD, files=files)))


def test_files_must_be_sorted_and_hashed() -> None:
    assert "sorted" in only(checks.problems(replace(GOOD, files=(FILE, replace(FILE, path="a.py")))))
    assert "not a sha256" in only(checks.problems(replace(GOOD, files=(replace(FILE, digest="A" * 64),))))
    assert "size" in only(checks.problems(replace(GOOD, files=(replace(FILE, size_bytes=-1),))))
    two_sizes = (FILE, replace(FILE, path="z.py", size_bytes=13))
    assert "size" in only(checks.problems(replace(GOOD, files=two_sizes)))


def test_two_servers_with_one_url_are_refused() -> None:
    servers = (replace(SERVER, name="My.Server"), replace(SERVER, name="my-server"))
    assert "would have the same URL" in only(checks.problems(replace(GOOD, servers=servers)))
    elsewhere = (servers[0], replace(servers[1], routing_region="eu-west"))
    assert checks.problems(replace(GOOD, servers=elsewhere)) == []


def test_two_servers_with_one_name_and_unsorted_ones_are_refused() -> None:
    assert "'Server' is given twice" in only(checks.problems(replace(GOOD, servers=(SERVER, SERVER))))
    assert "sorted" in only(checks.problems(replace(GOOD, servers=(SERVER, replace(SERVER, name="A")))))


def test_a_bad_app_name_and_bad_tags_are_refused() -> None:
    assert "Invalid App name" in only(checks.problems(replace(GOOD, name="a b")))
    assert "App tag value" in only(checks.problems(replace(GOOD, tags=(("team", "a b"),))))


def test_an_entry_may_come_from_the_image() -> None:
    server = replace(SERVER, image=recipe_of("COPY x /root/"))
    assert checks.problems(replace(GOOD, servers=(server,), files=())) == []
