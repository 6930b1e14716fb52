"""The Image builder: a chain of immutable values, and the steps that become of it in a manifest."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import homeport as modal
from homeport.errors import InvalidError
from homeport.manifest.schema import ImageStep, SecretRef, TreeMount
from homeport.sdk.build_function import Call

from .resolving import EverythingThere

SLIM = modal.Image.debian_slim("3.11")


def greet(times: int) -> str:
    return "hello" * times


def steps(image: modal.Image) -> tuple[ImageStep, ...]:
    return image._recipe(EverythingThere()).steps


def lines(image: modal.Image) -> list[str]:
    return [line for step in steps(image) for line in step.lines]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (SLIM.pip_install("six"), ["RUN python3 -m pip install six"]),
        (SLIM.pip_install("b", ["a>=1", "c[x]"]), ["RUN python3 -m pip install 'a>=1' b 'c[x]'"]),
        (
            SLIM.pip_install("a", index_url="https://x/simple", pre=True, extra_options="--no-deps"),
            ["RUN python3 -m pip install a --index-url https://x/simple --pre --no-deps"],
        ),
        (SLIM.run_commands("echo a", ["echo b"]), ["RUN echo a", "RUN echo b"]),
        (SLIM.run_commands("echo a && \\\n  echo b"), ["RUN echo a &&   echo b"]),
        (
            SLIM.run_commands("\n  cd /tmp\n  echo 'x' > y\n"),
            ["RUN set -e; eval \"$(printf '%s\\n' 'cd /tmp' '  echo '\"'\"'x'\"'\"' > y')\""],
        ),
        (SLIM.env({"A": 'x "y" $z'}), ['ENV A="x \\"y\\" \\$z"']),
        (SLIM.workdir("/work"), ["WORKDIR /work"]),
        (SLIM.entrypoint([]), ["ENTRYPOINT []"]),
        (SLIM.cmd(["python", "-m", "app"]), ['CMD ["python", "-m", "app"]']),
        (SLIM.shell(["/bin/bash", "-c"]), ['SHELL ["/bin/bash", "-c"]']),
        (SLIM.dockerfile_commands("RUN a", ["USER root"]), ["RUN a", "USER root"]),
    ],
)
def test_a_method_adds_its_lines(image: modal.Image, expected: list[str]) -> None:
    assert lines(image) == expected


def test_debian_packages_are_sorted_and_leave_no_lists_behind() -> None:
    (line,) = lines(SLIM.apt_install("git", ["curl"]))
    assert "install -y --no-install-recommends curl git" in line
    assert line.endswith("rm -rf /var/lib/apt/lists/*")


@pytest.mark.parametrize(
    "same", [SLIM.pip_install(), SLIM.apt_install([]), SLIM.run_commands(), SLIM.env({}), SLIM.uv_pip_install()]
)
def test_nothing_to_do_adds_nothing(same: modal.Image) -> None:
    assert same == SLIM


def test_a_chain_is_a_value_that_its_methods_do_not_change() -> None:
    one, same = SLIM.pip_install("six"), modal.Image.debian_slim("3.11").pip_install("six")
    assert one == same
    assert hash(one) == hash(same)
    assert one != SLIM.pip_install("seven")
    assert lines(SLIM) == []
    with pytest.raises(AttributeError, match="can't be changed"):
        one._layers = ()


def test_what_a_step_needs_goes_with_it() -> None:
    secret = modal.Secret.from_name("token")
    (step,) = steps(SLIM.run_commands("make", env={"B": "2", "A": "1"}, secrets=[secret], gpu="t4", force_build=True))
    assert (step.method, step.env, step.gpu, step.force) == ("run_commands", (("A", "1"), ("B", "2")), ("T4",), True)
    assert step.secrets == (SecretRef("st-token", "token"),)


@pytest.mark.parametrize(
    ("image", "base", "reference", "add_python"),
    [
        (modal.Image.from_registry("python:3.12-slim"), "registry", "python:3.12-slim", ""),
        (modal.Image.from_registry("localhost:5000/x", add_python="3.11"), "registry", "localhost:5000/x", "3.11"),
        (modal.Image.from_scratch(), "scratch", "", ""),
        (modal.Image.from_name("team/base"), "named", "team/base:latest", ""),
        (modal.Image.from_name("base:v2"), "named", "base:v2", ""),
    ],
)
def test_each_base_is_recorded(image: modal.Image, base: str, reference: str, add_python: str) -> None:
    recipe = image._recipe(EverythingThere())
    assert (recipe.base, recipe.reference, recipe.add_python) == (base, reference, add_python)


def test_setup_commands_come_first() -> None:
    image = modal.Image.from_registry("x", setup_dockerfile_commands=["RUN apk add python3"]).run_commands("true")
    assert lines(image) == ["RUN apk add python3", "RUN true"]


@pytest.mark.parametrize(("variable", "cache"), [("MODAL_FORCE_BUILD", "force"), ("HOMEPORT_IGNORE_CACHE", "ignore")])
def test_the_environment_can_ask_for_a_build_without_cache(
    monkeypatch: pytest.MonkeyPatch, variable: str, cache: str
) -> None:  # fmt: skip
    assert SLIM._recipe(EverythingThere()).cache == ""
    monkeypatch.setenv(variable, "1")
    assert SLIM._recipe(EverythingThere()).cache == cache


def test_local_files_are_attached_at_the_end_and_sorted_by_place(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "d").mkdir()
    image = SLIM.add_local_file(tmp_path / "a.txt", "/etc/a.conf").add_local_dir(tmp_path / "d", "/data")
    image = image.add_local_file(tmp_path / "a.txt", "/etc/")
    assert lines(image) == []
    places = ("/data", "/etc/a.conf", "/etc/a.txt")
    assert image._mounts(EverythingThere()) == tuple(TreeMount(place, "tree") for place in places)


def test_a_copied_file_is_a_layer(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    image = SLIM.add_local_file(tmp_path / "a.txt", "/opt/a.txt", copy=True).run_commands("cat /opt/a.txt")
    (copy, _) = steps(image)
    assert (copy.lines, copy.contexts) == (('COPY --from=context0 ["/", "/opt/"]',), ("a.txt",))
    assert image._mounts(EverythingThere()) == ()


def test_no_build_step_follows_attached_files(tmp_path: Path) -> None:
    image = SLIM.add_local_dir(tmp_path, "/data")
    with pytest.raises(InvalidError, match=r"`run_commands` is a build step.*`copy=True`"):
        image.run_commands("ls /data")


def test_python_source_is_found_by_its_import_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packx").mkdir()
    (tmp_path / "packx/__init__.py").touch()
    (tmp_path / "modx.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    image = SLIM.add_local_python_source("packx", "modx")
    assert image._mounts(EverythingThere()) == (TreeMount("/root/modx.py", "tree"), TreeMount("/root/packx", "tree"))


def test_a_project_of_uv_goes_first_in_the_path(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "uv.lock").touch()
    (step,) = steps(SLIM.uv_sync(tmp_path, groups=["web"], extras=["x"], uv_version="0.9.0"))
    assert step.contexts == ("pyproject.toml-uv.lock",)
    assert "uv==0.9.0" in step.lines[0]
    assert "--group web --extra x --frozen" in step.lines[2]
    assert step.lines[-1] == "ENV PATH=/opt/uv/project/.venv/bin:$PATH"


def test_what_a_pyproject_depends_on_is_installed(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname="x"\ndependencies=["six"]\n[project.optional-dependencies]\nweb=["flask>=3"]\n')
    assert lines(SLIM.pip_install_from_pyproject(path)) == ["RUN python3 -m pip install six"]
    assert lines(SLIM.pip_install_from_pyproject(path, ["web"])) == ["RUN python3 -m pip install 'flask>=3' six"]
    with pytest.raises(InvalidError, match="no optional dependencies 'gpu'; it has web"):
        SLIM.pip_install_from_pyproject(path, ["gpu"])


def test_a_dockerfile_is_read_when_the_image_is_defined(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY a /a\n")
    image = modal.Image.from_dockerfile(tmp_path / "Dockerfile", context_dir=tmp_path, build_args={"V": "1"})
    (step,) = steps(image)
    assert (step.lines, step.contexts, step.build_args) == (("FROM scratch\nCOPY a /a\n",), ("tree",), (("V", "1"),))
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY --from=0 /a /b\n")
    assert steps(modal.Image.from_dockerfile(tmp_path / "Dockerfile"))[0].contexts == ()


def test_a_build_function_is_named_by_its_file() -> None:
    (step,) = steps(SLIM.run_function(greet, args=(2,), kwargs={"x": 1}, timeout=60))
    assert step.function is not None
    assert (step.function.entry.qualname, step.timeout_s) == ("greet", 60)
    assert pickle.loads(base64.b64decode(step.function.arguments)) == ((2,), {"x": 1})
    assert Call.of(greet, (), {}) == Call.of(greet, (), {})


@pytest.mark.parametrize(
    ("line", "takes"),
    [
        ("COPY a /a", True),
        ("COPY --from=0 a /a", False),
        ("RUN --mount=type=bind,source=requirements.txt,target=/r.txt pip install -r /r.txt", True),
        ("run \\\n  --network=host \\\n  --mount=target=/all x", True),
        ("RUN --mount=type=cache,target=/c --mount=source=x,target=/all x", True),
        ("RUN --mount=type=bind,from=0,source=/a,target=/a x", False),
        ("RUN --mount=type=cache,target=/c x --mount=target=/all", False),
        ("RUN echo COPY a /a", False),
    ],
)
def test_local_files_go_along_where_a_line_takes_any(line: str, takes: bool) -> None:
    (step,) = steps(SLIM.dockerfile_commands(line))
    assert bool(step.contexts) is takes


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: modal.Image(), "Make an image by"),
        (lambda: modal.Image.debian_slim(3.1), "must be text such as '3.11'"),
        (lambda: SLIM.pip_install("--index-url x"), "options go into `extra_options`"),
        (lambda: SLIM.pip_install(3), "must be text or a list of texts"),
        (lambda: SLIM.pip_install_from_requirements("/none.txt"), "There is no requirements.txt at /none.txt"),
        (lambda: SLIM.pip_install_private_repos("github.com/a/b", git_user="x"), "needs `secrets`"),
        (lambda: SLIM.uv_sync("/none"), "There is no pyproject.toml at /none/pyproject.toml"),
        (lambda: SLIM.poetry_install_from_file("/none/pyproject.toml"), "There is no pyproject.toml"),
        (lambda: SLIM.micromamba_install("x"), "begins with `Image.micromamba"),
        (lambda: SLIM.run_commands("  "), "has an empty command"),
        (lambda: SLIM.run_function(lambda: None), "needs a function in global scope"),
        (lambda: SLIM.run_function(Path), "takes a function"),
        (lambda: SLIM.run_function(greet, args=(lambda: 1,)), "can't be pickled"),
        (lambda: SLIM.env({"A B": "x"}), "is not a name for an environment variable"),
        (lambda: SLIM.env({"A": "x\ny"}), "line break; use a Secret"),
        (lambda: SLIM.cmd("python app.py"), "takes a list of texts"),
        (lambda: SLIM.add_local_file("/none", "/x"), "there is no /none"),
        (lambda: SLIM.add_local_dir("/", "relative"), "needs an absolute path"),
        (lambda: SLIM.add_local_dir("/tmp", "/a/../b"), "needs an absolute path"),
        (lambda: SLIM.add_local_dir("/tmp", "/a", ignore=["[a"]), "`ignore`: The pattern '[a' can't be read"),
        (lambda: SLIM.add_local_python_source("homeport", ignore=["!"]), "`ignore`: The pattern '!' negates nothing"),
        (lambda: SLIM.dockerfile_commands("COPY a /a", ignore=["[a"]), "`ignore`: The pattern '[a' can't be read"),
        (lambda: SLIM.add_local_python_source("no_such_module"), "there is no module 'no_such_module' here"),
        (lambda: SLIM.add_local_python_source("sys"), "no Python source"),
        (lambda: SLIM.add_local_python_source(), "at least one module"),
        (lambda: modal.Image.from_dockerfile("/none/Dockerfile"), "There is no Dockerfile at /none/Dockerfile"),
        (lambda: modal.Image.from_dockerfile("/dev/null"), "The Dockerfile /dev/null is empty"),
        (lambda: modal.Image.from_registry("a b"), "must name an image"),
        (lambda: modal.Image.from_name("A B"), "A published image is named like"),
        (lambda: modal.Image.from_aws_ecr("x"), "is not available here"),
    ],
)
def test_what_is_not_legal_is_said_where_it_is_written(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidError) as refused:
        make()
    assert words in str(refused.value)


def test_inside_a_container_a_definition_costs_and_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODAL_IS_REMOTE", "1")
    image = modal.Image.from_dockerfile("/none").pip_install("x").add_local_dir("/none", "/x").run_commands("y")
    assert image._layers == ()
    assert image.pip_install("z") is not image


def test_imports_may_fail_on_this_machine_only() -> None:
    with SLIM.imports():
        import not_installed_here  # noqa: F401
    with pytest.raises(ValueError, match="other"), SLIM.imports():
        raise ValueError("other")


def test_pipe_passes_the_image_on() -> None:
    assert SLIM.pipe(lambda image, name: image.pip_install(name), "six") == SLIM.pip_install("six")


def test_a_secret_that_is_named_twice_needs_all_its_keys_and_stands_where_it_is_last() -> None:
    one, other = modal.Secret.from_name("one", required_keys=["A"]), modal.Secret.from_name("other")
    again = modal.Secret.from_name("one", required_keys=["B", "A"])
    (step,) = steps(SLIM.run_commands("make", secrets=[one, other, again]))
    assert step.secrets == (SecretRef("st-other", "other"), SecretRef("st-one", "one", ("A", "B")))
    (step,) = steps(SLIM.run_commands("make", secrets=[one, other, one]))
    assert [ref.name for ref in step.secrets] == ["other", "one"]


def test_an_image_with_attached_files_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(InvalidError, match="copy=True"):
        SLIM.add_local_file(tmp_path / "a.txt", "/a").publish("base")
    with pytest.raises(InvalidError, match="is named like"):
        SLIM.publish("not a name")
