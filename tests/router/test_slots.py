"""The slot table: which back end serves which route, and what happens to a server line when its container goes."""

from __future__ import annotations

import pytest

from homeport.core.routes import Route, Target
from homeport.errors import InvalidError
from homeport.router.slots import NO_SLOT, HostEntry, NoFreeSlot, Server, ServerState, Slot, SlotState, SlotTable


def route(host: str, *containers: str, app: str = "ap-1", **more: object) -> Route:
    targets = tuple(
        Target(name.rstrip("~"), f"10.3.0.{index}:8000", name.endswith("~")) for index, name in enumerate(containers, 1)
    )
    return Route(host=host, app_id=app, service_id=f"fu-{host}", environment="main", targets=targets, **more)  # type: ignore[arg-type] # by name


def only(table: SlotTable, host: str) -> Slot:
    (slot,) = [slot for slot in table.slots() if slot.host == host]
    return slot


def states(slot: Slot) -> dict[str, ServerState]:
    return {name: server.state for name, server in slot.servers.items()}


def test_a_new_route_takes_a_free_slot_and_each_container_a_server_line_with_an_id_of_its_own() -> None:
    table = SlotTable(2)
    table.assign("ap-1", (route("a", "ta-1", "ta-2"), route("b", "ta-3")))
    ids = [server.server_id for _, server in table.servers(ServerState.SERVING)]
    assert [(slot.name, slot.state) for slot in table.slots()] == [
        ("be0000", SlotState.ACTIVE),
        ("be0001", SlotState.ACTIVE),
    ]
    assert ids == [1, 2, 3]


def test_assigning_the_same_routes_again_changes_nothing() -> None:
    table = SlotTable(2)
    routes = (route("a", "ta-1", "ta-2~"),)
    table.assign("ap-1", routes)
    before = (dict(only(table, "a").servers), table.hosts())
    table.assign("ap-1", routes)
    assert (only(table, "a").servers, table.hosts()) == before


def test_a_container_that_drains_keeps_its_server_line() -> None:
    table = SlotTable(1)
    table.assign("ap-1", (route("a", "ta-1"),))
    table.assign("ap-1", (route("a", "ta-1~", "ta-2"),))
    assert states(only(table, "a")) == {"ta-1": ServerState.DRAINING, "ta-2": ServerState.SERVING}
    assert only(table, "a").servers["ta-1"].server_id == 1


def test_a_removed_container_leaves_and_its_line_stays_until_the_data_plane_deleted_it() -> None:
    table = SlotTable(1)
    table.assign("ap-1", (route("a", "ta-1", "ta-2"),))
    table.assign("ap-1", (route("a", "ta-1"),))
    assert states(only(table, "a")) == {"ta-1": ServerState.SERVING, "ta-2": ServerState.LEAVING}
    table.forget(only(table, "a"), "ta-2")
    assert states(only(table, "a")) == {"ta-1": ServerState.SERVING}


def test_a_container_that_comes_back_while_it_leaves_serves_again_on_its_line() -> None:
    table = SlotTable(1)
    table.assign("ap-1", (route("a", "ta-1"),))
    table.assign("ap-1", (route("a"),))
    table.assign("ap-1", (route("a", "ta-1"),))
    assert only(table, "a").servers["ta-1"].server_id == 1
    assert states(only(table, "a")) == {"ta-1": ServerState.SERVING}


def test_a_removed_route_drains_and_its_slot_is_not_reused_before_it_is_idle() -> None:
    table = SlotTable(1)
    table.assign("ap-1", (route("a", "ta-1"),))
    table.assign("ap-1", ())
    slot = only(table, "a")
    assert slot.state is SlotState.DRAINING
    with pytest.raises(NoFreeSlot):
        table.assign("ap-2", (route("b", app="ap-2"),))
    table.forget(slot, "ta-1")
    assert slot.state is SlotState.FREE
    table.assign("ap-2", (route("b", "ta-2", app="ap-2"),))
    assert only(table, "b").servers["ta-2"].server_id == 2, "ids are never used twice"


def test_without_a_free_slot_nothing_is_changed_until_the_table_has_grown() -> None:
    table = SlotTable(1)
    table.assign("ap-1", (route("a", "ta-1"),))
    before = table.hosts()
    with pytest.raises(NoFreeSlot):
        table.assign("ap-1", (route("a", "ta-1"), route("b", "ta-2")))
    assert table.hosts() == before
    table.grow(2)
    table.assign("ap-1", (route("a", "ta-1"), route("b", "ta-2")))
    assert sorted(table.hosts()) == ["a", "b"]


def test_a_stopped_route_keeps_its_slot_only_while_containers_drain() -> None:
    table = SlotTable(1)
    table.assign("ap-1", (route("a", "ta-1"),))
    table.assign("ap-1", (route("a", "ta-1~", stopped=True),))
    assert table.hosts()["a"].slot == "be0000"
    assert table.hosts()["a"].stopped
    table.assign("ap-1", (route("a", stopped=True),))
    assert table.hosts()["a"].slot == NO_SLOT
    assert only(table, "a").state is SlotState.DRAINING


def test_a_host_that_two_apps_claim_belongs_to_the_one_that_runs() -> None:
    table = SlotTable(2)
    table.assign("ap-1", (route("a", "ta-1"),))
    table.assign("ap-2", (route("a", "ta-2", app="ap-2"),))
    table.assign("ap-1", (route("a", stopped=True),))
    assert table.hosts()["a"].app_id == "ap-2"
    table.assign("ap-2", ())
    assert table.hosts()["a"].app_id == "ap-1"
    assert table.hosts()["a"].stopped


def test_what_a_surviving_data_plane_serves_is_adopted_with_its_ids() -> None:
    table = SlotTable(2)
    entry = HostEntry("be0001", "main", True, 0, False, False, "ap-1", "fu-a")
    table.adopt(
        "a", entry, [Server("ta-1", "10.3.0.1:8000", 7, state=ServerState.DRAINING), Server("ta-2", "10.3.0.2:8000", 3)]
    )
    table.assign("ap-1", (route("a", "ta-1~", "ta-2", "ta-3"),))
    ids = {server.container_id: server.server_id for _, server in table.servers(*ServerState)}
    assert (only(table, "a").name, ids) == ("be0001", {"ta-1": 7, "ta-2": 3, "ta-3": 8})


def test_a_host_entry_is_read_as_it_was_written() -> None:
    entry = HostEntry("be0007", "staging", False, 12, True, True, "ap-1", "fu-1", 7)
    assert HostEntry.parse(entry.text) == entry
    assert HostEntry.parse("be0001|main") is None


@pytest.mark.parametrize("host", ["a b", "a;b", "a\nbackend x", "", "a|b"])
def test_a_name_that_could_not_stand_in_the_configuration_is_refused(host: str) -> None:
    table = SlotTable(1)
    with pytest.raises(InvalidError, match="cannot serve"):
        table.assign("ap-1", (route(host, "ta-1"),))
    assert table.hosts() == {}


def test_an_address_that_is_none_is_refused() -> None:
    broken = Route("a", "ap-1", "fu-1", "main", targets=(Target("ta-1", "10.0.0.1:80 check"),))
    with pytest.raises(InvalidError, match="cannot reach"):
        SlotTable(1).assign("ap-1", (broken,))
