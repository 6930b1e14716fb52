"""Names of GPUs that people write, and what of a machine's they mean. Row 7.13 of the semantics."""

from __future__ import annotations

import pytest

from homeport.control.gpus import NO_GPUS, Stock, choices, in_words, stock
from homeport.control.publish import service_spec
from homeport.core.model import Gpus
from homeport.manifest.schema import Entry, Resources, ServerSpec
from homeport.settings import Settings

MACHINE = Stock((Gpus("A100-80GB", 4), Gpus("H200", 1), Gpus("T4", 2)))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("T4",), [("T4", 1)]),
        (("T4:2",), [("T4", 2)]),
        (("T4:3",), []),
        (("t4:2",), [("T4", 2)]),
        (("H100",), [("H200", 1)]),
        (("H100!",), []),
        (("A100:2",), [("A100-80GB", 2)]),
        (("A100-40GB!",), []),
        (("B200+",), []),
        (("B200", "T4"), [("T4", 1)]),
        (("H100:2", "A100-80GB", "T4"), [("A100-80GB", 1), ("T4", 1)]),
        (("ANY",), [("A100-80GB", 1), ("T4", 1), ("H200", 1)]),
        (("ANY:3",), [("A100-80GB", 3)]),
        (("T4", "ANY"), [("T4", 1), ("A100-80GB", 1), ("H200", 1)]),
        ((), []),
    ],
)
def test_what_is_asked_for_means_what_would_do_in_order_of_preference(
    asked: tuple[str, ...], found: list[tuple[str, int]]
) -> None:
    assert choices(asked, MACHINE) == tuple(Gpus(*each) for each in found)


def test_nothing_is_had_where_there_is_none() -> None:
    assert choices(("ANY", "T4"), NO_GPUS) == ()


def test_one_of_unknown_model_is_had_as_any_and_as_nothing_else() -> None:
    machine = Stock((Gpus("ANY", 2),))
    assert choices(("ANY:2",), machine) == (Gpus("ANY", 2),)
    assert choices(("H100",), machine) == ()
    assert in_words(machine) == "this machine has 2 of unknown model (gpu='any')"


def test_the_spawner_tells_what_there_is() -> None:
    said = {"gpus": [{"name": "1", "model": "T4"}, {"name": "0", "model": "T4"}, {"name": "2", "model": "L4"}], "notes": {}}
    assert stock(said) == Stock((Gpus("L4", 1), Gpus("T4", 2)))
    assert stock({"notes": {"gpus": "YAML"}}) == Stock((), "YAML")


def test_the_words_say_what_there_is_and_why_there_is_none() -> None:
    assert in_words(NO_GPUS) == "this machine has no GPU"
    assert in_words(Stock((), "YAML")) == "this machine has no GPU that containers can be given (YAML)"
    assert in_words(MACHINE) == "this machine has 4 x A100-80GB, 1 x H200, 2 x T4"


def test_the_core_is_told_models_that_the_machine_has() -> None:
    server = ServerSpec("Server", Entry("app", "Server", "app.py"), resources=Resources(gpu=("H100!", "ANY:2")))
    assert service_spec(server, "host", Settings(), MACHINE).gpus == (Gpus("A100-80GB", 2), Gpus("T4", 2))
    assert service_spec(ServerSpec("Server", server.entry), "host", Settings(), MACHINE).gpus == ()
