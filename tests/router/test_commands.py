"""From desired and observed to Runtime API lines."""

from __future__ import annotations

from collections.abc import Mapping

from homeport.core.routes import Route, Target
from homeport.router import commands
from homeport.router.commands import Observed
from homeport.router.parse import ServerRow
from homeport.router.slots import SlotTable

MAP = "/run/hosts.map"


def table(*containers: str, host: str = "a") -> SlotTable:
    """A table with one route; `~` marks a container that drains."""
    targets = tuple(Target(n.rstrip("~"), f"10.3.0.{i}:8000", n.endswith("~")) for i, n in enumerate(containers, 1))
    found = SlotTable(2)
    found.assign("ap-1", (Route(host, "ap-1", "fu-1", "main", targets=targets),))
    return found


def observed(*rows: ServerRow, hosts: Mapping[str, str] | None = None, slots: int = 2) -> Observed:
    by_name = {(row.slot, row.name): row for row in rows}
    return Observed(hosts or {}, by_name, frozenset(f"be{n:04d}" for n in range(slots)))


def row(name: str, number: int, *, maintenance: bool = False) -> ServerRow:
    return ServerRow("be0000", name, number, f"10.3.0.{number}:8000", maintenance)


def texts(lines: list[commands.Command]) -> list[str]:
    return [line.text.split(" check ")[0] for line in lines]


def test_a_missing_server_is_added_with_its_checks_and_enabled() -> None:
    lines = commands.additions(table("ta-1").slots(), observed())
    assert texts(lines) == [
        "add server be0000/ta-1 10.3.0.1:8000 id 1",
        "enable health be0000/ta-1",
        "enable server be0000/ta-1",
    ]
    assert " observe layer4 " in lines[0].text


def test_nothing_is_said_when_nothing_differs() -> None:
    wish = table("ta-1", "ta-2~")
    seen = observed(row("ta-1", 1), row("ta-2", 2, maintenance=True), hosts={h: e.text for h, e in wish.hosts().items()})
    assert commands.additions(wish.slots(), seen) == []
    assert commands.removals(wish.slots(), seen) == []
    assert commands.host_changes(MAP, wish.hosts(), seen) == ([], [])


def test_a_draining_server_is_put_into_maintenance_and_loses_its_sessions_but_no_request() -> None:
    lines = commands.removals(table("ta-1~").slots(), observed(row("ta-1", 1)))
    assert texts(lines) == [
        "set server be0000/ta-1 state maint",
        "clear table homeport/sessions data.server_id eq 1",
    ]


def test_a_draining_server_that_a_restart_lost_is_added_closed() -> None:
    assert "enable server be0000/ta-1" not in texts(commands.additions(table("ta-1~").slots(), observed()))


def test_a_leaving_server_is_closed_emptied_and_deleted_in_this_order() -> None:
    wish = table("ta-1")
    wish.assign("ap-1", (Route("a", "ap-1", "fu-1", "main"),))
    assert texts(commands.removals(wish.slots(), observed(row("ta-1", 1)))) == [
        "set server be0000/ta-1 state maint",
        "clear table homeport/sessions data.server_id eq 1",
        "shutdown sessions server be0000/ta-1",
        "set server be0000/ta-1 addr 127.0.0.1 port 9",
        "del server be0000/ta-1",
    ]


def test_a_server_nobody_knows_is_deleted() -> None:
    assert "del server be0000/ta-9" in texts(commands.removals(table().slots(), observed(row("ta-9", 9))))


def test_a_server_that_shall_serve_again_gets_its_address_back_and_is_opened() -> None:
    moved = ServerRow("be0000", "ta-1", 1, "127.0.0.1:9", maintenance=True)
    assert texts(commands.additions(table("ta-1").slots(), observed(moved))) == [
        "set server be0000/ta-1 addr 10.3.0.1 port 8000",
        "set server be0000/ta-1 state ready",
    ]


def test_hosts_are_added_changed_and_only_then_taken_away() -> None:
    wish = table(host="new")
    entry = wish.hosts()["new"].text
    assert texts(commands.host_changes(MAP, wish.hosts(), observed())[0]) == [f"add map {MAP} new {entry}"]
    changed, gone = commands.host_changes(MAP, wish.hosts(), observed(hosts={"new": "be0001|x", "old": "be0001|y"}))
    assert (texts(changed), texts(gone)) == ([f"set map {MAP} new {entry}"], [f"del map {MAP} old"])


def test_an_old_worker_is_told_nothing_of_slots_it_lacks() -> None:
    wish = table("ta-1")
    assert commands.additions(wish.slots(), observed(slots=0)) == []
    assert commands.host_changes(MAP, wish.hosts(), observed(slots=0)) == ([], [])


def test_a_grant_is_there_before_its_token_and_gone_after_it() -> None:
    key = "a" * 64
    added = commands.token_changes(("T", "G"), {key: ("tk-1", ("main",))}, ({}, {}))
    assert texts(added) == [f"add map G {key}|main tk-1", f"add map T {key} tk-1"]
    removed = commands.token_changes(("T", "G"), {}, ({key: "tk-1"}, {f"{key}|main": "tk-1"}))
    assert texts(removed) == [f"del map T {key}", f"del map G {key}|main"]


def test_a_changed_limit_is_told_for_servers_that_stand_already() -> None:
    wish = SlotTable(1)
    wish.assign("ap-1", (Route("a", "ap-1", "fu-1", "main", max_concurrency=5, targets=(Target("ta-1", "10.3.0.1:80"),)),))
    assert texts(commands.limit_changes(wish.slots(), {"ta-1": 3})) == ["set maxconn server be0000/ta-1 5"]
    assert commands.limit_changes(wish.slots(), {"ta-1": 5}) == []
    assert commands.limit_changes(wish.slots(), {}) == [], "a new server has it in its line"
