"""What may be collected: never what runs or can be rolled back to, whatever else is true."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from homeport.control.garbage import (
    CONTAINER_IDLE_MS,
    DAY_MS,
    Inventory,
    Item,
    Kind,
    PastApp,
    Policy,
    Ref,
    Version,
    collectable,
    over,
)

NOW_MS = 100 * DAY_MS
POLICY = Policy(versions_kept=2, days_after_stop=7, log_days=30, grace_ms=3_600_000)
DIGESTS = [f"m{number}" for number in range(8)]
REFS = [Ref(kind, key) for kind in Kind for key in "abcd"]

digests = st.sampled_from(DIGESTS)
refs = st.frozensets(st.sampled_from(REFS), max_size=6)
times = st.integers(0, NOW_MS)


@st.composite
def apps(draw: st.DrawFn) -> PastApp:
    found = draw(st.lists(st.tuples(digests, st.booleans()), max_size=6))
    versions = tuple(Version(number, digest, live) for number, (digest, live) in enumerate(found, start=1))
    return PastApp("ap-1", versions, draw(st.none() | times))


inventories = st.builds(
    Inventory,
    apps=st.lists(apps(), max_size=3).map(tuple),
    in_world=st.frozensets(digests, max_size=3),
    containers=st.frozensets(st.sampled_from("abcd")),
    needs=st.dictionaries(digests, refs),
    in_use=refs,
    items=st.lists(st.builds(Item, st.sampled_from(REFS), times), max_size=20).map(tuple),
)
policies = st.builds(Policy, st.integers(1, 4), st.integers(0, 40), st.integers(0, 40), st.integers(0, DAY_MS))


def collected(inventory: Inventory, policy: Policy = POLICY) -> list[Ref]:
    return [item.ref for item in collectable(inventory, policy, NOW_MS).items]


@given(inventories, policies)
def test_nothing_that_the_world_needs_is_collected(inventory: Inventory, policy: Policy) -> None:
    needed = {ref for digest in inventory.in_world for ref in inventory.needs.get(digest, ())} | inventory.in_use
    assert not needed.intersection(collected(inventory, policy))


@given(inventories, policies)
def test_nothing_that_a_rollback_needs_is_collected(inventory: Inventory, policy: Policy) -> None:
    for app in inventory.apps:
        if app.stopped_at_ms is None or NOW_MS - app.stopped_at_ms < policy.days_after_stop * DAY_MS:
            live = [version for version in app.versions if version.was_live]
            for version in (*app.versions[-policy.versions_kept :], *live[-policy.versions_kept :]):
                assert not inventory.needs.get(version.manifest_digest, frozenset()).intersection(
                    collected(inventory, policy)
                )


@given(inventories, policies)
def test_nothing_that_was_just_used_and_no_container_that_lives_is_collected(inventory: Inventory, policy: Policy) -> None:
    plan = collectable(inventory, policy, NOW_MS)
    assert all(NOW_MS - item.used_at_ms >= policy.grace_ms for item in plan.items)
    kept = {Ref(kind, key) for kind in (Kind.CONTAINER, Kind.LOG) for key in inventory.containers}
    assert not kept.intersection(item.ref for item in plan.items)


@given(inventories, policies)
def test_while_a_manifest_of_the_world_cant_be_read_nothing_that_it_might_name_is_collected(
    inventory: Inventory, policy: Policy
) -> None:
    unknown = replace(inventory, in_world=inventory.in_world | {"unreadable"})
    assert collectable(unknown, policy, NOW_MS).blind
    assert not {Kind.BLOB, Kind.SOURCE, Kind.IMAGE}.intersection(ref.kind for ref in collected(unknown, policy))


@given(inventories, policies)
def test_what_is_collected_once_leaves_nothing_for_a_second_time(inventory: Inventory, policy: Policy) -> None:
    gone = set(collected(inventory, policy))
    left = replace(inventory, items=tuple(item for item in inventory.items if item.ref not in gone))
    assert collected(left, policy) == []


def item(kind: Kind, key: str, age_ms: int) -> Item:
    return Item(Ref(kind, key), NOW_MS - age_ms)


def test_the_oldest_versions_go_and_those_that_were_live_count_for_themselves() -> None:
    live = {1: True, 2: True, 3: False, 4: False}
    past = PastApp("ap-1", tuple(Version(number, f"m{number}", was) for number, was in live.items()))
    needs = {f"m{number}": frozenset({Ref(Kind.BLOB, f"b{number}")}) for number in range(5)}
    items = tuple(item(Kind.BLOB, f"b{number}", DAY_MS) for number in range(5))
    assert collected(Inventory(apps=(past,), needs=needs, items=items)) == [Ref(Kind.BLOB, "b0")]
    fewer = replace(POLICY, versions_kept=1)
    assert collected(Inventory(apps=(past,), needs=needs, items=items), fewer) == [
        Ref(Kind.BLOB, key) for key in ("b0", "b1", "b3")
    ]


def test_what_a_stopped_app_had_goes_after_its_days() -> None:
    for days, expected in ((6, []), (7, [Ref(Kind.IMAGE, "i")])):
        past = PastApp("ap-1", (Version(1, "m1", True),), NOW_MS - days * DAY_MS)
        inventory = Inventory(
            (past,), needs={"m1": frozenset({Ref(Kind.IMAGE, "i")})}, items=(item(Kind.IMAGE, "i", DAY_MS),)
        )
        assert collected(inventory) == expected
        assert over([past], POLICY, NOW_MS) == (("ap-1",) if expected else ())


def test_logs_and_directories_have_their_own_times() -> None:
    items = (
        item(Kind.LOG, "new", 29 * DAY_MS),
        item(Kind.LOG, "old", 30 * DAY_MS),
        item(Kind.LOG, "lives", 90 * DAY_MS),
        item(Kind.CONTAINER, "left", DAY_MS),
        item(Kind.CONTAINER, "lives", DAY_MS),
        item(Kind.CONTAINER, "ending", CONTAINER_IDLE_MS - 1),
    )
    inventory = Inventory(containers=frozenset({"lives"}), items=items)
    expected = [Ref(Kind.LOG, "old"), Ref(Kind.CONTAINER, "left")]
    assert collected(inventory, replace(POLICY, grace_ms=0)) == expected
