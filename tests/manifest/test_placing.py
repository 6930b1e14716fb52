"""Where trees are seen in a container: merged where they get in each other's way, hiding nothing of the image."""

from collections.abc import Iterable

import pytest

from homeport.manifest import placing
from homeport.manifest.placing import Placement
from homeport.manifest.schema import AppManifest, Entry, ServerSpec, TreeMount
from homeport.manifest.tree import File, Folder, Link, Tree

IMAGE = ("/root", "/etc", "/etc/nginx", "/opt")


def tree(*paths: str, of: str = "a") -> Tree:
    return Tree.of(File(path, of * 64, 1) for path in paths)


def placed(source: Tree | None, *mounts: tuple[str, Tree]) -> tuple[Placement, ...]:
    trees = {each.digest: each for each in (*([source] if source else []), *(each for _, each in mounts))}
    server = ServerSpec(
        "web",
        Entry("app", "Web"),
        mounts=tuple(TreeMount(target, each.digest) for target, each in sorted(mounts, key=_target)),
    )
    return placing.placements(AppManifest("a", (server,), source.digest if source else ""), server, trees.__getitem__)


def _target(mount: tuple[str, Tree]) -> str:
    return mount[0]


def seen(places: Iterable[Placement], image: Iterable[str] = IMAGE) -> list[str]:
    """Targets in the container."""
    return [each.target for each in placing.shown(tuple(places), lambda path: path in image)]


def contents(place: Placement) -> dict[str, str]:
    return {
        entry.path: entry.digest[0] if isinstance(entry, File) else entry.target if isinstance(entry, Link) else "/"
        for entry in place.tree.entries
    }


def test_the_source_is_seen_by_its_top_level_and_the_rest_of_root_stays() -> None:
    source = tree("app.py", "pkg/a.py", "pkg/b/c.py")
    (place,) = placed(source)
    assert place == Placement("/root", source)
    assert seen([place]) == ["/root/app.py", "/root/pkg"]


def test_trees_that_do_not_meet_stay_as_they_were_uploaded() -> None:
    source, data, models = tree("app.py"), tree("x.csv"), tree("m.bin")
    places = placed(source, ("/opt/data", data), ("/root/models", models))
    assert places == (Placement("/opt/data", data), Placement("/root", source), Placement("/root/models", models))
    assert seen(places) == ["/opt/data", "/root/app.py", "/root/models"]


def test_a_folder_of_the_image_is_gone_through_so_that_nothing_of_it_is_hidden() -> None:
    (place,) = placed(None, ("/etc", tree("nginx/conf.d/a.conf", "nginx/nginx.conf", "my/x")))
    assert seen([place]) == ["/etc/my", "/etc/nginx/conf.d", "/etc/nginx/nginx.conf"]


def test_a_single_file_is_seen_alone_and_leaves_its_folder_to_the_container() -> None:
    places = placed(None, ("/opt/data/file.txt", tree("")), ("/opt/data/other.txt", tree("", of="b")))
    assert seen(places, image=()) == ["/opt/data/file.txt", "/opt/data/other.txt"]
    assert seen(placed(None, ("/file.txt", tree("")))) == ["/file.txt"]


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        (
            ("/root", tree("pkg/a", "pkg/b")),
            ("/root/pkg", tree("b", "c", of="b")),
            {"pkg/a": "a", "pkg/b": "b", "pkg/c": "b"},
        ),
        (("/root", tree("pkg/a")), ("/root", tree("pkg/a", of="b")), {"pkg/a": "b"}),
        (("/root", tree("pkg")), ("/root/pkg/deep", tree("x", of="b")), {"pkg/deep/x": "b"}),
        (("/root", tree("pkg/a/b", "pkg/c")), ("/root/pkg/a", tree("", of="b")), {"pkg/a": "b", "pkg/c": "a"}),
        (("/root", Tree.of([Folder("pkg")])), ("/root/pkg", tree("x", of="b")), {"pkg/x": "b"}),
        (("/root", Tree.of([Link("pkg", "x")])), ("/root/pkg", tree("x", of="b")), {"pkg/x": "b"}),
        (("/root", tree("pkg/a")), ("/root/pkg/empty", Tree()), {"pkg/a": "a", "pkg/empty": "/"}),
        (("/root", tree("pkg/a")), ("/root/pkg", Tree.of([Link("l", "a")])), {"pkg/a": "a", "pkg/l": "a"}),
    ],
)
def test_what_meets_is_merged_and_the_later_and_deeper_one_counts(
    first: tuple[str, Tree], second: tuple[str, Tree], merged: dict[str, str]
) -> None:
    (place,) = placed(first[1], second)
    assert (place.target, contents(place)) == ("/root", merged)
    assert len(seen([place])) == 1


def test_a_mount_below_two_others_joins_them() -> None:
    places = placed(
        None, ("/a", tree("b/x")), ("/a/b", tree("c/y", of="b")), ("/a/b/c", tree("z", of="c")), ("/d", tree("w"))
    )
    assert [(place.target, contents(place)) for place in places] == [
        ("/a", {"b/x": "a", "b/c/y": "b", "b/c/z": "c"}),
        ("/d", {"w": "a"}),
    ]


def test_two_trees_at_one_place_are_seen_side_by_side() -> None:
    assert seen(placed(None, ("/srv", tree("a/x")), ("/srv", tree("b/y"))), image=()) == ["/srv/a", "/srv/b"]


def test_an_empty_folder_is_seen_where_the_image_has_none_and_hides_none() -> None:
    places = placed(None, ("/opt", Tree.of([Folder("new")])), ("/root", Tree()))
    assert seen(places) == ["/opt/new"]
    assert seen(placed(None, ("/data", Tree())), image=()) == ["/data"]


def test_names_that_only_begin_alike_do_not_meet() -> None:
    assert len(placed(tree("pkg/a"), ("/root/pkg-data", tree("x")), ("/root/pk", tree("y")))) == 3
