"""A simulated day of Servers that scale: the same per seed, and worth having."""

from __future__ import annotations

from homeport.sim import loads
from homeport.sim.day import Account, Day, Plan

PLAN = Plan(servers=100, hours=1)


def test_an_hour_of_a_hundred_servers_is_the_same_each_time_and_worth_having() -> None:
    account: Account = Day(PLAN).run()
    assert account == Day(PLAN).run()
    assert account.needed_ms < account.had_ms < 3 * account.needed_ms
    assert account.had_ms < account.peak_ms / 2
    assert 0 < account.refused_ms < account.request_ms / 20
    assert account.beyond_ms < account.request_ms / 20
    assert account.starts > PLAN.servers


def test_the_shares_of_the_mix_are_a_hundred() -> None:
    assert sum(share for _, share in loads.MIX) == 100
    assert {loads.pattern(number) for number in range(100)} == {pattern for pattern, _ in loads.MIX}
