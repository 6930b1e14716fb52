"""From steps to Dockerfiles: what shares one, what is refused by name, and what decides a digest."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from homeport.errors import InvalidError
from homeport.images import chain, dockerfile, planning, recipe
from homeport.manifest.schema import BuildFunction, Entry, ImageRecipe, ImageStep, SecretRef, VolumeMount

TREE = "a" * 64
FUNCTION = BuildFunction(Entry("app", "fill", "app.py"), TREE, "", "c" * 64)
STEP = ImageStep(
    "run_commands",
    ("COPY --from=context0 a /a", "RUN x"),
    contexts=(TREE,),
    build_args=(("A", "1"),),
    env=(("E", "1"),),
    secrets=(SecretRef("st-1", "s", ("K",)),),
    volumes=(VolumeMount("/v", "vo-1", "v"),),
    function=FUNCTION,
)


def step(*lines: str, **rest: object) -> ImageStep:
    return replace(ImageStep("run_commands", lines), **rest)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    "other",
    [
        replace(STEP, lines=("RUN y",)),
        replace(STEP, contexts=("b" * 64,)),
        replace(STEP, build_args=(("A", "2"),)),
        replace(STEP, env=(("E", "2"),)),
        replace(STEP, secrets=(SecretRef("st-2", "s", ("K",)),)),
        replace(STEP, volumes=(VolumeMount("/v", "vo-2", "v"),)),
        replace(STEP, volumes=(VolumeMount("/v", "vo-1", "v", sub_path="x"),)),
        replace(STEP, function=None),
        replace(STEP, function=replace(FUNCTION, captured="d" * 64)),
        replace(STEP, function=replace(FUNCTION, arguments="eA==")),
        replace(STEP, gpu=("any",)),
    ],
)
def test_what_gets_into_an_image_is_in_its_digest(other: ImageStep) -> None:
    assert chain.of(ImageRecipe(steps=(STEP,))).digest != chain.of(ImageRecipe(steps=(other,))).digest


@pytest.mark.parametrize(
    "other",
    [
        replace(STEP, timeout_s=5),
        replace(STEP, force=True),
        replace(STEP, method="other"),
        replace(STEP, secrets=(SecretRef("st-1"),)),
        replace(STEP, function=replace(FUNCTION, source="b" * 64)),
    ],
)
def test_how_it_is_built_is_not(other: ImageStep) -> None:
    assert chain.of(ImageRecipe(steps=(STEP,))) == chain.of(ImageRecipe(steps=(other,), cache="force"))


def test_a_digest_is_the_same_on_every_machine() -> None:
    assert chain.of(ImageRecipe(steps=(STEP,))).name == "im-ADGKb2SZ7iL1qZq8BRNvrq"


def test_chains_that_begin_alike_share_links() -> None:
    one, other = (chain.of(ImageRecipe(steps=(step("RUN a"), step(last)))).links for last in ("RUN b", "RUN c"))
    assert one[:2] == other[:2]
    assert one[2] != other[2]


def test_a_registrys_image_is_the_same_by_its_short_name() -> None:
    names = ("python:3.12", "docker.io/library/python:3.12", "library/python:3.12")
    assert len({chain.of(ImageRecipe(base="registry", reference=name)).digest for name in names}) == 1


def test_a_forced_step_leaves_those_before_it_in_the_cache() -> None:
    steps = (step("RUN a"), step("RUN b", force=True), step("RUN c"))
    assert chain.reusable(ImageRecipe(steps=steps)) == 2
    assert chain.reusable(ImageRecipe(steps=steps[:1])) == 2
    assert chain.reusable(ImageRecipe(steps=steps, cache="ignore")) == 0


def test_all_steps_share_one_dockerfile_if_they_can() -> None:
    steps = [
        step("RUN a", env=(("A", "b"),)),
        step("COPY --from=context0 x /x", contexts=(TREE,)),
        replace(STEP, build_args=()),
    ]
    (segment,) = planning.segments(steps, 0, whole_file=False)
    name = planning.context_name(TREE)
    assert segment.dockerfile("base") == (
        f"FROM base\nRUN a\nCOPY --from={name} x /x\nCOPY --from={name} a /a\nRUN x\n"
        'RUN ["python3", "-I", "-S", "-B", "/opt/homeport/lib/homeport/guest/buildstep.py"]\n'
    )
    assert segment.runs() == [0, 2, 2]
    assert segment.contexts == ((name, TREE),)
    assert [segment.last_of(place) for place in range(3)] == [1, 2, 5]


def test_arguments_end_with_their_step() -> None:
    steps = [step("RUN a"), step("ARG X", "RUN $X"), step("RUN b", build_args=(("X", "1"),)), step("RUN c"), step("RUN d")]
    found = planning.segments(steps, 0, whole_file=False)
    assert [(each.first, each.end) for each in found] == [(0, 1), (1, 2), (2, 3), (3, 5)]


def test_whether_there_are_arguments_is_known() -> None:
    for steps, expected in (
        ([step("RUN a")], False),
        ([step("ARG X", "RUN a")], True),
        ([step("RUN a", build_args=(("X", "1"),))], True),
    ):
        (segment,) = planning.segments(steps, 0, whole_file=False)
        assert segment.has_arguments() is expected


def test_copy_takes_from_the_steps_own_files_and_add_gets_a_dockerfile_of_its_own() -> None:
    steps = [step("COPY a /a", contexts=(TREE,)), step("ADD b.tar /b", contexts=(TREE,))]
    first, second = planning.segments(steps, 0, whole_file=False)
    assert first.dockerfile("base") == f"FROM base\nCOPY --from={planning.context_name(TREE)} a /a\n"
    assert (second.dockerfile("base"), second.main) == ("FROM base\nADD b.tar /b\n", TREE)


def test_a_bind_mount_takes_from_the_steps_own_files_whatever_is_beside_it() -> None:
    lines = (
        "RUN --mount=type=bind,source=r.txt,target=/r.txt pip install -r /r.txt",
        "RUN --mount=target=/all --mount=type=cache,target=/c x --mount=target=/y",
        "RUN --mount=type=bind,from=context0,target=/a x",
    )
    (segment,) = planning.segments([step(*lines, contexts=(TREE,)), step("RUN y")], 0, whole_file=False)
    name = planning.context_name(TREE)
    cache = f"--mount=type=cache,target=/c,id=homeport-{hashlib.sha256(b'/c').hexdigest()[:32]}"
    assert [each.instruction.rest for each in segment.instructions] == [
        f"--mount=from={name},type=bind,source=r.txt,target=/r.txt,ro pip install -r /r.txt",
        f"--mount=from={name},type=bind,target=/all,source=.,ro {cache} x --mount=target=/y",
        f"--mount=type=bind,from={name},target=/a,source=.,ro x",
        "y",
    ]
    (whole,) = planning.segments([step("FROM x", *lines[:1], contexts=(TREE,))], 0, whole_file=True)
    assert whole.instructions[1].instruction.text == lines[0].replace("target=/r.txt", "target=/r.txt,ro", 1)


def test_a_dockerfile_loses_what_has_no_effect_and_keeps_its_lines() -> None:
    text = "# syntax=x\nARG V=3\nFROM python:${V} AS b\nFROM alpine\nUSER no\nRUN a \\\n  # why\n  && b\nEXPOSE 80\n"
    found = [each.text for each in dockerfile.of_file(text)]
    bases = ["FROM docker.io/library/python:3 AS b", "FROM docker.io/library/alpine:latest"]
    assert found == ["ARG V=3", *bases, "RUN a   && b"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("RUN --mount=type=secret,id=x cat /run/secrets/x", "RUN --mount=type=secret is not supported"),
        ("RUN --mount=type=ssh git clone x", "RUN --mount=type=ssh is not supported"),
        ("COPY --link a /a", "COPY --link is not supported"),
        ("RUN cat <<EOF", "here-documents"),
        ("RUN cat <<'EOF' > \"a b\"", "here-documents"),
        ("RUN echo $((1 << 2)) && echo 'x' | cat 0<<-EOF", "here-documents"),
        ("COPY <<EOF /a", "here-documents"),
        ("INCLUDE x", "`INCLUDE x` is not an instruction"),
        ("ADD https://a/x https://b/y /d/", "ADD takes one URL"),
        ("ADD git@github.com:a/b.git /d", "git repository"),
        ("FROM python", "can't have FROM"),
        ("RUN x\nFROM scratch", "can't have FROM"),
        ("RUN x\necho y", "`echo y` is not an instruction"),
        ("COPY --from=context1 a /a", "context1, which is not there"),
        ("# escape=`\nRUN x", "escape="),
    ],
)
def test_what_is_not_supported_is_refused_by_name(line: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        recipe.check(ImageRecipe(steps=(step(line, contexts=(TREE,)),)))


@pytest.mark.parametrize(
    "line",
    [
        "RUN --mount=type=cache,target=/c x",
        "RUN echo '<<EOF'",
        'RUN echo it\\\'s "a \\" <<EOF"',
        "RUN echo $((1 << 3)) $((1<<x)) && ((y = 2<<x))",
        "RUN read x <<< abc && cat <<<$x",
        'RUN --mount=type=cache,target=/c ["cat", "<<EOF"]',
        "ADD https://a/x /x",
    ],
)
def test_what_only_looks_like_it_is_not(line: str) -> None:
    recipe.check(ImageRecipe(steps=(step(line),)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (ImageRecipe(steps=(step("RUN x", gpu=("H100",)),)), "has no GPU"),
        (ImageRecipe(base="dockerfile"), "as its first step"),
        (ImageRecipe(base="dockerfile", steps=(step("RUN x"),)), "has to begin with FROM"),
        (ImageRecipe(base="registry", reference="Not A Name"), "not the name of an image"),
        (ImageRecipe(base="registry", reference="x", add_python="three"), "add_python='three' is not a version"),
    ],
)
def test_what_no_build_could_give_is_refused_before_one(given: ImageRecipe, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        recipe.check(given)
