"""The kernel with a journal in memory: what is decided is durable before anybody hears of it."""

from __future__ import annotations

import pytest

from homeport.control.chronicle import Input, Origin
from homeport.control.kernel import Kernel
from homeport.core.facts import ContainerProbed, ContainerReady, ContainerStarted, DeployRequested
from homeport.core.model import ServiceSpec, Strategy
from homeport.core.states import ContainerState
from homeport.testing.journal import ControlPlaneDied, MemoryJournal

NOW_MS = 1_000_000


def deploy(digest: str = "one") -> Input:
    spec = ServiceSpec(name="web", host="home--shop-web.us-east.localhost")
    fact = DeployRequested("main", "shop", digest, (spec,), Strategy.ROLLING, f"request {digest}")
    return Input(fact, Origin(actor="ada", tag="t1", client_version="0.1", commit={"branch": "main"}))


def kinds(journal: MemoryJournal) -> list[str]:
    return [written.record.kind for written in journal.records]


def test_a_deploy_is_in_the_journal_with_its_actor_before_anything_is_started() -> None:
    journal = MemoryJournal()
    step = Kernel(journal, "testng").accept([deploy()], NOW_MS)
    assert len(step.actions) == 2
    assert kinds(journal) == ["deployment.published", "container.created"]
    published = journal.records[0].record
    assert (published.actor, published.body["tag"], published.body["created"]) == ("ada", "t1", True)


def test_a_journal_that_fails_leaves_the_world_as_it_was() -> None:
    journal = MemoryJournal()
    kernel = Kernel(journal, "testng")
    journal.fail_next(OSError(28, "No space left on device"))
    before = kernel.world
    with pytest.raises(OSError, match="No space"):
        kernel.accept([deploy()], NOW_MS)
    assert kernel.world is before
    assert kernel.accept([deploy()], NOW_MS).actions


def test_what_was_written_when_the_process_died_is_there_again() -> None:
    journal = MemoryJournal()
    journal.die_after(0, written=True)
    with pytest.raises(ControlPlaneDied):
        Kernel(journal, "testng").accept([deploy()], NOW_MS)
    heir = Kernel(journal, "other")
    assert [app.name for app in heir.world.apps.values()] == ["shop"]
    assert heir.world.tag == "testng"
    assert {type(action).__name__ for action in heir.resume()} == {"SetRoutes", "StartContainer"}


def test_samples_are_not_written() -> None:
    journal = MemoryJournal()
    kernel = Kernel(journal, "testng")
    kernel.accept([deploy()], NOW_MS)
    container = next(iter(kernel.world.apps.values())).containers[0].container_id
    kernel.accept([Input(ContainerStarted(container, "10.0.0.2:8000")), Input(ContainerReady(container))], NOW_MS)
    appends = journal.appends
    step = kernel.accept([Input(ContainerProbed(container, healthy=False))], NOW_MS)
    assert len(step.actions) == 1  # it leaves the routes
    assert journal.appends == appends


def test_facts_that_are_told_again_write_nothing() -> None:
    journal = MemoryJournal()
    kernel = Kernel(journal, "testng")
    kernel.accept([deploy()], NOW_MS)
    container = next(iter(kernel.world.apps.values())).containers[0].container_id
    told = [Input(ContainerStarted(container, "10.0.0.2:8000")), Input(ContainerReady(container))]
    kernel.accept(told, NOW_MS)
    appends = journal.appends
    kernel.accept(told, NOW_MS + 5_000)
    assert journal.appends == appends
    assert next(iter(kernel.world.apps.values())).containers[0].state is ContainerState.READY
