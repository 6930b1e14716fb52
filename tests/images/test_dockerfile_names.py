"""What a Dockerfile may name of mounts, stages and images, and what buildah is told: never a place on this machine."""

from __future__ import annotations

import pytest

from homeport.errors import InvalidError
from homeport.images import dockerfile, registry, runmounts

PYTHON = "docker.io/library/python"


def texts(text: str, **build_args: str) -> list[str]:
    return [each.text for each in dockerfile.of_file(text, tuple(build_args.items()))]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("target=/src", "type=bind,target=/src,source=.,ro"),
        ("type=bind,src=/a/b,dst=/x,readonly", "type=bind,target=/x,ro,source=a/b"),
        ("type=bind,from=context0,source=a,target=/x", "type=bind,target=/x,source=a,ro"),
        ("type=tmpfs,target=/t,size=1000", "type=tmpfs,target=/t,tmpfs-size=1000"),
        ("type=cache,target=/c,sharing=locked,uid=3", "type=cache,target=/c,sharing=locked,uid=3"),
    ],
)
def test_mounts_that_name_nothing_of_the_machine_are_there(given: str, told: str) -> None:
    assert set(told.split(",")) <= set(runmounts.canonical(given).split(","))


def test_a_cache_has_one_place_of_its_own_whatever_its_name() -> None:
    """A name with a `/` would go through what an earlier step put into another cache: a link to anywhere."""
    ids = [
        dict(part.partition("=")[::2] for part in runmounts.canonical(f"type=cache,{rest}").split(","))["id"]
        for rest in ("target=/c", "id=/c,target=/d", "target=/c/link", "id=a/link,target=/c")
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert all(each.replace("-", "").isalnum() for each in ids)


@pytest.mark.parametrize(
    "mount",
    [
        "type=cache,id=../../..,target=/host",
        "type=cache,target=/../../x",
        "type=cache,from=base,source=/link,target=/host",
        "type=cache,id=a,id=../..,target=/host",
        "type=bind,from=base,source=/link,target=/host,rw",
        "type=bind,from=oci:/x,target=/host",
        "type=bind,source=../x,target=/host",
        "type=bind,source=x,target=/host,rw",
        "type=bind,source=$X,target=/host",
        "TYPE=secret,id=x",
        "type=tmpfs,source=/,target=/host",
        "type=cache,,target=/c",
        "type=cache",
    ],
)
def test_mounts_that_could_lead_to_the_machine_are_refused(mount: str) -> None:
    with pytest.raises(InvalidError, match="RUN --mount"):
        dockerfile.of_step([f"RUN --mount={mount} cat /host/etc/shadow"])


@pytest.mark.parametrize(
    "line",
    [
        'RUN --"mount=type=cache,id=../..,target=/host" x',
        "RUN --moun\\t=type=cache,id=../..,target=/host x",
        'RUN --network=none" --mount=type=cache,id=../..,target=/host x',
        "RUN --network=none --$MOUNT x",
        'COPY --"from=oci:/x" /a /b',
        "COPY --chown=1\\ --from=oci:/x /a /b",
    ],
)
def test_flags_that_buildah_reads_in_another_way_are_refused(line: str) -> None:
    with pytest.raises(InvalidError, match="without quotes and backslashes"):
        dockerfile.of_step([line])


@pytest.mark.parametrize("name", ["oci:/path", "dir:/path", "docker-archive:/x.tar"])
def test_an_image_comes_from_a_registry_and_not_from_a_file_of_the_machine(name: str) -> None:
    for text in (
        f"FROM {name}",
        f"ARG B={name}\nFROM $B",
        "ARG B\nFROM ${B}",
        f"FROM ${{B:-{name}}}",
        f"ARG A={name}\nARG B=$A\nFROM ${{B}}",
        f"FROM python AS {name}\nFROM {name}",
        f"FROM python\nCOPY --from={name} /a /b",
    ):
        with pytest.raises(InvalidError):
            texts(text, **({"B": name} if "ARG B\n" in text else {}))
    with pytest.raises(InvalidError):
        dockerfile.of_step([f"COPY --from={name} /a /b"])
    with pytest.raises(InvalidError, match="a variable can't stand here"):
        dockerfile.of_step([f"ARG B={name}", "COPY --from=$B /a /b"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("ARG W=3.12\nFROM python:${W}-slim", f"FROM {PYTHON}:3.12-slim"),
        ("ARG V\nFROM python:$V", f"FROM {PYTHON}:3.13"),
        ("ARG V=1\nFROM python:$V", f"FROM {PYTHON}:3.13"),
        ('ARG A="python" B=3.12\nFROM $A:${B}', f"FROM {PYTHON}:3.12"),
        ("FROM python:${W:-3.12}", f"FROM {PYTHON}:3.12"),
        ("ARG S\nFROM python:3.12${S:+-slim}", f"FROM {PYTHON}:3.12"),
        ("ARG B=Base\nFROM python AS base\nFROM $B", "FROM base"),
        ("FROM scratch", "FROM scratch"),
        (
            "ARG TARGETARCH\nFROM --platform=$BUILDPLATFORM a/b:$TARGETARCH AS X",
            "FROM --platform=linux/{0} docker.io/a/b:{0} AS x",
        ),
        ("FROM python AS Base\nFROM alpine\nCOPY --chown=1 --from=BASE /a /b", "COPY --chown=1 --from=base /a /b"),
        ("FROM python\nFROM alpine\nCOPY --from=0 /a /b", "COPY --from=0 /a /b"),
        ("FROM python\nCOPY --from=ghcr.io/astral-sh/uv:0.5 /uv /b", "COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /b"),
        ("FROM python\nCOPY --from=alpine /a /b", "COPY --from=docker.io/library/alpine:latest /a /b"),
    ],
)
def test_names_are_full_with_their_variables_put_in(given: str, told: str) -> None:
    assert texts(given, V="3.13")[-1] == told.format(registry.architecture())


def test_bases_that_variables_name_are_known_before_the_build() -> None:
    text = "ARG V=1\nFROM python:$V AS a\nFROM a\nFROM scratch\nCOPY --from=a /x /y\nCOPY --from=g.io/uv /uv /uv"
    assert dockerfile.references(text, [("V", "2")]) == ([f"{PYTHON}:2"], ["g.io/uv:latest"])


def test_buildah_is_shown_ids_of_images_that_are_stored_and_no_names() -> None:
    text = (
        "FROM --platform=linux/{0} python AS a\nCOPY --chown=1 --from=g.io/uv /g.io/uv:latest /uv\nFROM a\nRUN echo python"
    )
    named = {f"{PYTHON}:latest": "1d1", "g.io/uv:latest": "1d2"}
    shown = [dockerfile.with_ids(each, named).text for each in dockerfile.of_file(text.format(registry.architecture()))]
    assert shown == [
        f"FROM --platform=linux/{registry.architecture()} 1d1 AS a",
        "COPY --chown=1 --from=1d2 /g.io/uv:latest /uv",
        "FROM a",
        "RUN echo python",
    ]


def test_a_variable_that_nothing_sets_is_named() -> None:
    with pytest.raises(InvalidError, match="names \\$V, which no ARG before the first FROM sets"):
        texts("FROM python AS a\nARG V=1\nFROM python:$V")
