"""What a plan says: every difference between two manifests, none where there is none, and no value of a variable."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.control.plan import Change, Kind, diff, route_changes
from homeport.core.model import ServiceSpec
from homeport.manifest import digest
from homeport.manifest.schema import (
    AppManifest,
    Entry,
    Resources,
    ScalePolicy,
    SecretRef,
    ServerSpec,
    TreeMount,
    VolumeMount,
)
from homeport.manifest.tree import File, Folder, Link, Tree
from manifest.recipes import recipe_of
from manifest.strategies import manifests

CHANGED = Kind.CHANGED
WEB = ServerSpec("web", Entry("app", "Web", "app.py"), env=(("KEY", "old-value"),), secrets=(SecretRef("st-1", "db"),))
FILE = File("app.py", "a" * 64, 120)
SOURCE = Tree((FILE,))
MORE = Tree((FILE, File("b.py", "b" * 64, 1, executable=True), Link("c", "app.py"), Folder("d")))
TREES = {tree.digest: tree for tree in (SOURCE, MORE)}
SHOP = AppManifest("shop", (WEB,), SOURCE.digest, (("team", "blue"),))


@st.composite
def pairs_that_may_be_alike(draw: st.DrawFn) -> tuple[AppManifest, AppManifest]:
    """Two manifests that differ in a few fields at most, or in everything."""
    one, other = draw(manifests), draw(manifests)
    names = draw(st.sets(st.sampled_from(["name", "servers", "source", "tags"])))
    mixed = replace(one, **{name: getattr(other, name) for name in names})
    if one.servers and draw(st.booleans()):
        order = draw(st.permutations(one.servers))
        return one, replace(one, servers=tuple(order))
    return one, mixed


@given(pairs_that_may_be_alike())
def test_there_is_a_difference_if_and_only_if_the_digests_differ(pair: tuple[AppManifest, AppManifest]) -> None:
    before, after = pair
    assert bool(diff(before, after, TREES)) is (digest.of(before) != digest.of(after))


@given(st.lists(st.tuples(st.text(), st.text(min_size=9)), max_size=4, unique_by=lambda pair: pair[0]))
def test_no_value_of_a_variable_is_told(env: list[tuple[str, str]]) -> None:
    secret = tuple((f"K{n}", f"secret-{n}-{value}") for n, (_, value) in enumerate(env))
    steps = tuple(f"ENV {name}={value}" for name, value in secret)
    after = replace(SHOP, servers=(replace(WEB, env=secret, image=recipe_of(*steps)),))
    assert "secret-" not in repr([*diff(SHOP, after, TREES), *diff(after, SHOP, TREES)])


@pytest.mark.parametrize(
    ("after", "change"),
    [
        (replace(SHOP, name="store"), Change("name", Kind.CHANGED, "shop", "store")),
        (replace(SHOP, source=""), Change("files.app.py", Kind.REMOVED, f"{'a' * 12} (120 bytes)")),
        (replace(SHOP, source="f" * 64), Change("files", CHANGED, f"{SOURCE.digest[:12]} (1 files, 120 bytes)", "f" * 12)),
        (replace(SHOP, tags=(("team", "red"),)), Change("tags.team", Kind.CHANGED, "blue", "red")),
        (replace(SHOP, servers=()), Change("servers.web", Kind.REMOVED)),
        (replace(SHOP, servers=(WEB, replace(WEB, name="api"))), Change("servers.api", Kind.ADDED)),
    ],
)
def test_each_difference_of_an_app_has_its_place(after: AppManifest, change: Change) -> None:
    assert diff(SHOP, after, TREES) == (change,)


@pytest.mark.parametrize(
    ("after", "change"),
    [
        (replace(WEB, env=(("KEY", "new-value"),)), Change("servers.web.env.KEY", Kind.CHANGED)),
        (replace(WEB, env=(("KEY", "old-value"), ("X", "y"))), Change("servers.web.env.X", Kind.ADDED)),
        (replace(WEB, secrets=()), Change("servers.web.secrets.db", Kind.REMOVED, before="st-1")),
        (
            replace(WEB, resources=Resources(cpu_milli=500)),
            Change("servers.web.resources.cpu_milli", CHANGED, 125, 500),
        ),
        (replace(WEB, resources=Resources(gpu=("H100",))), Change("servers.web.resources.gpu", Kind.CHANGED, [], ["H100"])),
        (
            replace(WEB, scale=ScalePolicy(max_containers=3)),
            Change("servers.web.scale.max_containers", CHANGED, None, 3),
        ),
        (
            replace(WEB, volumes=(VolumeMount("/data", "vo-1", "v"),)),
            Change("servers.web.volumes./data", Kind.ADDED, after="v"),
        ),
        (replace(WEB, unauthenticated=True), Change("servers.web.unauthenticated", Kind.CHANGED, False, True)),
        (
            replace(WEB, image=recipe_of("RUN make")),
            Change("servers.web.image.steps.0", Kind.ADDED, after="RUN make"),
        ),
    ],
)
def test_each_difference_of_a_server_has_its_place(after: ServerSpec, change: Change) -> None:
    assert diff(SHOP, replace(SHOP, servers=(after,)), TREES) == (change,)


def test_every_file_of_a_tree_that_changed_is_told_and_what_came_or_went_in_one_line() -> None:
    told = [
        Change("b.py", Kind.ADDED, after=f"{'b' * 12} (1 bytes, executable)"),
        Change("c", Kind.ADDED, after="link to app.py"),
        Change("d", Kind.ADDED, after="empty folder"),
    ]
    assert diff(SHOP, replace(SHOP, source=MORE.digest), TREES) == tuple(
        replace(change, path=f"files.{change.path}") for change in told
    )
    here, there = (replace(SHOP, servers=(replace(WEB, mounts=mounts),)) for mounts in (_at(SOURCE), _at(MORE)))
    place = "servers.web.mounts./data"
    assert diff(here, there, TREES) == tuple(replace(change, path=f"{place}.{change.path}") for change in told)
    assert diff(SHOP, there, TREES) == (Change(place, Kind.ADDED, after=f"{MORE.digest[:12]} (2 files, 121 bytes)"),)
    twice = replace(SHOP, servers=(replace(WEB, mounts=_at(MORE) + _at(SOURCE)),))
    assert [change.path for change in diff(there, twice, TREES)] == [f"{place}#2"]


def _at(tree: Tree) -> tuple[TreeMount, ...]:
    return (TreeMount("/data", tree.digest),)


def test_a_step_put_in_the_middle_changes_all_that_follow_because_they_are_built_again() -> None:
    before = replace(SHOP, servers=(replace(WEB, image=recipe_of("RUN a", "RUN c")),))
    after = replace(SHOP, servers=(replace(WEB, image=recipe_of("RUN a", "RUN b", "RUN c")),))
    assert [(change.path[-1], change.kind) for change in diff(before, after, {})] == [("1", Kind.CHANGED), ("2", Kind.ADDED)]


def test_routes_are_told_by_host_with_the_server_behind_them() -> None:
    before, after = ServiceSpec("web", "old.localhost"), ServiceSpec("web", "new.localhost")
    assert route_changes((before,), (after,)) == (
        Change("routes.new.localhost", Kind.ADDED, after="Server web"),
        Change("routes.old.localhost", Kind.REMOVED, before="Server web"),
    )
    assert route_changes((before,), (before,)) == ()
