"""Paths of Volumes: one form for each file, no way out, and no place where a Volume would hide the system."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.manifest.volume_paths import inside, overlaps, place_problem

PARTS = st.sampled_from(["a", "b.txt", ".", "..", "", "...", "ü", ".hidden"])


@given(st.lists(PARTS, max_size=8), st.booleans())
def test_a_path_is_refused_or_is_below_its_volume_in_its_one_form(parts: list[str], absolute: bool) -> None:
    path = ("/" if absolute else "") + "/".join(parts)
    if ".." in parts:
        with pytest.raises(ValueError, match="leaves the Volume"):
            inside(path)
        return
    found = inside(path)
    assert inside(found) == inside(f"/{found}/") == found
    assert posixpath.join("/volume", found).rstrip("/") == posixpath.normpath(f"/volume/{path}")


@given(st.text(max_size=50))
def test_any_text_is_refused_or_stays_inside(text: str) -> None:
    try:
        found = inside(text)
    except ValueError:
        return
    assert not found.startswith("/")
    assert "\0" not in found
    assert posixpath.normpath(f"/volume/{found}").startswith("/volume")


@pytest.mark.parametrize("path", ["a\0b", "a\nb", "\udcff", "x" * 256, "/".join(["x" * 200] * 30)])
def test_what_no_file_should_be_called_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        inside(path)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/data", None),
        ("/root/data", None),
        ("/mnt/a/b", None),
        ("/usr/share/models", None),
        ("/tmp/x", None),
        ("/", "would hide the container's own files"),
        ("/root", "would hide the container's own files"),
        ("/tmp", "is a system path"),
        ("/usr/lib", "is a system path"),
        ("/dev/shm", "lies in a system path"),
        ("/proc", "lies in a system path"),
        ("/opt/homeport/lib", "lies in a system path"),
        ("/a/../etc", "leaves its folder by '..'"),
        ("/a//b", "is not normalised"),
        ("data", "must be absolute"),
    ],
)
def test_places_where_a_volume_can_and_cant_be(place: str, words: str | None) -> None:
    found = place_problem(place)
    assert found is None if words is None else found is not None and words in found


def test_places_that_hide_each_other_are_found() -> None:
    others = [("A", "/a"), ("B", "/ab"), ("C", "/a/b/c")]
    assert list(overlaps("/a/b", others)) == ["it lies in /a, where A is", "it would hide C at /a/b/c"]
    assert list(overlaps("/ab", others)) == ["B is there too"]
    assert list(overlaps("/abc", others)) == []
