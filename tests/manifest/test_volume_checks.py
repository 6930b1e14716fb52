"""Where the Volumes of a Server may be: said in one sentence, before anything is built (semantics 6.2.5)."""

from __future__ import annotations

import pytest

from homeport.manifest.checks import problems, source_problems
from homeport.manifest.schema import AppManifest, Entry, ServerSpec, TreeMount, VolumeMount
from homeport.manifest.tree import File, Tree

SOURCE = Tree.of([File("pkg/a.py", "0" * 64, 1), File("web.py", "0" * 64, 1)])
A, B = "vo-" + "a" * 22, "vo-" + "b" * 22


def said(*volumes: VolumeMount, mounts: tuple[TreeMount, ...] = ()) -> list[str]:
    server = ServerSpec("web", Entry("web", "Web", "web.py"), volumes=volumes, mounts=mounts)
    manifest = AppManifest("shop", (server,), "0" * 64)
    return [*problems(manifest), *source_problems(manifest, SOURCE)]


def test_two_volumes_side_by_side_are_fine() -> None:
    assert said(VolumeMount("/data", A, "a", sub_path="x/y"), VolumeMount("/root/cache", B, "b", read_only=True)) == []
    assert said(VolumeMount("/a", "", "a"), VolumeMount("/b", "", "b")) == []  # a plan: they are not made yet


@pytest.mark.parametrize(
    ("volumes", "words"),
    [
        ((VolumeMount("/a", A, "v"), VolumeMount("/b", A, "v")), "Volume 'v' is mounted twice, at '/a' and '/b'"),
        ((VolumeMount("/a", "", "v"), VolumeMount("/b", "", "v")), "Volume 'v' is mounted twice"),
        ((VolumeMount("/a", A, "v"), VolumeMount("/a/b", B, "w")), "it lies in /a, where Volume 'v' is."),
        ((VolumeMount("/usr", A, "v"),), "the Volume path '/usr' is a system path"),
        ((VolumeMount("/dev/shm", A, "v"),), "the Volume path '/dev/shm' lies in a system path"),
        ((VolumeMount("/root/pkg", A, "v"),), "at '/root/pkg': the App's own source is there too"),
        ((VolumeMount("/root/pkg/sub", A, "v"),), "it lies in /root/pkg, where the App's own source is"),
        ((VolumeMount("/data", A, "v", sub_path="../x"),), "the sub_path '../x' of Volume 'v' leaves its folder by '..'."),
        ((VolumeMount("/data", A, "v", sub_path="/x"),), "the sub_path '/x' of Volume 'v' is absolute."),
    ],
)
def test_what_cant_be_is_said_once(volumes: tuple[VolumeMount, ...], words: str) -> None:
    (problem,) = said(*volumes)
    assert problem.startswith(("Server 'web': ", "Volume "))
    assert words in problem


def test_local_files_and_a_volume_can_not_share_a_place() -> None:
    (problem,) = said(VolumeMount("/data/v", A, "v"), mounts=(TreeMount("/data", "0" * 64),))
    assert "it lies in /data, where local files is" in problem
