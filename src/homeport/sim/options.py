"""What kind of world a seed stands for. Each seed draws its own mix (swarm testing): rare mixes meet rare bugs."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class Options:
    """Chances are per mille of each opportunity; times are milliseconds."""

    chaos_ms: int  # how long the safety phase lasts
    people_every_ms: int  # one person does something about this often
    requests_every_ms: int
    lose_fact: int
    double_fact: int
    delay_fact: int
    delay_fact_ms: int
    kill_plane: int  # per journal append, and per second
    fail_journal: int
    router_down: int  # per second
    node_loss: int  # per second: every container is gone at once
    crash_container: int  # per second and container
    hang_container: int  # per second and container
    refuse_start: int  # per container: the engine can't make one
    broken_build: int  # an image of a version can't be built
    build_ms_max: int
    bad_version: int  # a deployed version never boots
    slow_version: int
    crash_version: int
    flaky_version: int  # some containers of it end before they are ready, some soon after
    recreate: int
    capped: int  # a version has max_containers
    small_machine: bool

    @property
    def faultless(self) -> bool:
        """Nothing but people and traffic: then no request may ever meet an empty pool after the first ready container."""
        rates = (self.lose_fact, self.kill_plane, self.fail_journal, self.router_down, self.node_loss)
        more = (self.crash_container, self.hang_container, self.refuse_start, self.recreate, self.capped)
        versions = (self.crash_version, self.flaky_version)
        return not any(rates) and not any(more) and not any(versions) and not self.small_machine


def draw(random: Random) -> Options:
    def some(rate: int, share: int = 500) -> int:
        return random.randint(1, rate) if random.randint(1, 1000) <= share else 0

    calm = random.randint(1, 5) == 1
    return Options(
        chaos_ms=random.randint(60, 300) * SECOND_MS,
        people_every_ms=random.choice((3, 8, 20)) * SECOND_MS,
        requests_every_ms=random.choice((200, 1000, 4000)),
        lose_fact=0 if calm else some(200),
        double_fact=some(200),
        delay_fact=some(300),
        delay_fact_ms=random.choice((50, 2_000, 15_000)),
        kill_plane=0 if calm else some(60),
        fail_journal=0 if calm else some(60, 300),
        router_down=0 if calm else some(30, 300),
        node_loss=0 if calm else some(8, 200),
        crash_container=0 if calm else some(20),
        hang_container=0 if calm else some(20, 500),
        refuse_start=0 if calm else some(60, 300),
        broken_build=some(300),
        build_ms_max=random.choice((100, 5_000, 60_000)),
        bad_version=some(300),
        slow_version=some(300),
        crash_version=0 if calm else some(300),
        flaky_version=0 if calm else some(200, 300),
        recreate=0 if calm else some(300),
        capped=0 if calm else some(300),
        small_machine=not calm and random.randint(1, 4) == 1,
    )
