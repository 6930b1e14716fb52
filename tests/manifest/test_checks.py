"""The complete check of a manifest that somebody posted."""

from dataclasses import replace

import pytest
from hypothesis import given

from homeport.manifest import checks
from homeport.manifest.schema import (
    AppManifest,
    Entry,
    ImageRecipe,
    ImageStep,
    Resources,
    ScalePolicy,
    SecretRef,
    ServerSpec,
    TreeMount,
    VolumeMount,
)
from homeport.manifest.tree import File, Tree
from manifest.recipes import recipe_of

from .strategies import manifests

FILE = File("hello.py", "a" * 64, 12)
SERVER = ServerSpec("Server", Entry("hello", "Server", "hello.py"))
GOOD = AppManifest("hello", (SERVER,), Tree((FILE,)).digest)


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
        (replace(SERVER, scale=ScalePolicy(target_concurrency_centi=100_001), sessioned=True), "lower `target_concurrency`"),
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
        (replace(SERVER, command=("serve",)), "it has a class and a command; only one of them can run"),
        (replace(SERVER, entry=checks.NO_CLASS, command=("",)), "the command has to begin with a program"),
        (replace(SERVER, entry=checks.NO_CLASS, command=("a\0b",)), "hold no NUL character"),
        (replace(SERVER, entry=checks.NO_CLASS, command=("a",) * 1_001), "may have 1000 words"),
        (replace(SERVER, entry=checks.NO_CLASS, enable_memory_snapshot=True), "needs a class"),
        (replace(SERVER, entry=Entry("hello", "Ser ver", "hello.py")), "is not the name of a class"),
        (replace(SERVER, entry=Entry("hello", "f.<locals>.Server", "hello.py")), "is not the name of a class"),
        (replace(SERVER, entry=Entry("../x", "Server")), "is not the name of a module"),
        (replace(SERVER, entry=Entry("other", "Server", "hello.py")), "its module be named after it"),
    ],
)
def test_one_wrong_setting_is_one_problem(server: ServerSpec, words: str) -> None:
    assert words in only(checks.problems(replace(GOOD, servers=(server,))))


def test_a_server_without_a_class_runs_a_command_or_what_its_image_says() -> None:
    plain = replace(SERVER, entry=checks.NO_CLASS)
    for server in (plain, replace(plain, command=("nginx", "-g", "daemon off;"))):
        assert checks.problems(replace(GOOD, servers=(server,))) == []


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/", "is a system path"),
        ("/proc", "is a system path"),
        ("/sys/fs", "is a system path"),
        ("/dev/shm", "is a system path"),
        ("/opt/homeport/lib", "is a system path"),
        ("data", "must be absolute"),
        ("/data/../etc", "leaves its folder by '..'"),
        ("/data//x", "is not normalised"),
        ("/data/", "is not normalised"),
        ("/da\nta", "holds a control character"),
    ],
)
def test_local_files_are_refused_where_they_must_not_be(target: str, words: str) -> None:
    server = replace(SERVER, mounts=(TreeMount(target, "b" * 64),))
    assert f"the path {target!r} of local files {words}" in only(checks.problems(replace(GOOD, servers=(server,))))


@pytest.mark.parametrize(
    "target", ["/root", "/root/pkg", "/opt/data/file.txt", "/etc/nginx/nginx.conf", "/process", "/développement"]
)
def test_local_files_may_be_anywhere_else_and_several_at_one_place(target: str) -> None:
    server = replace(SERVER, mounts=(TreeMount(target, "b" * 64), TreeMount(target, "c" * 64)))
    assert checks.problems(replace(GOOD, servers=(server,))) == []


def test_digests_of_trees_are_digests_and_paths_sorted() -> None:
    assert "is not the digest of a tree" in only(checks.problems(replace(GOOD, source="../x")))
    server = replace(SERVER, mounts=(TreeMount("/b", "B" * 64),))
    assert "names no tree" in only(checks.problems(replace(GOOD, servers=(server,))))
    server = replace(SERVER, mounts=(TreeMount("/b", "b" * 64), TreeMount("/a", "b" * 64)))
    assert "must be sorted" in only(checks.problems(replace(GOOD, servers=(server,))))
    step = ImageStep("add_local_dir", ("COPY --from=context0 / /x",), contexts=("context0",))
    server = replace(SERVER, image=ImageRecipe(steps=(step,)))
    assert "names no tree" in only(checks.problems(replace(GOOD, servers=(server,))))


def test_the_entry_file_is_in_the_source_or_may_be_brought_otherwise() -> None:
    assert checks.source_problems(GOOD, Tree((FILE,))) == []
    assert "'hello.py' is not among the source files" in only(checks.source_problems(GOOD, Tree()))
    for server in (
        replace(SERVER, image=recipe_of("COPY x /root/")),
        replace(SERVER, mounts=(TreeMount("/root", "b" * 64),)),
    ):
        assert checks.source_problems(replace(GOOD, servers=(server,), source=""), Tree()) == []


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
