"""The pure parts: the polling schedule, how an end is named, and what the spawner is asked to start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homeport.core.facts import ExitReason
from homeport.core.model import Gpus
from homeport.engine.exits import exited
from homeport.engine.probe import LATE_DELAY_MS, attempt_limit_ms, next_delay_ms
from homeport.engine.startspec import start_spec
from homeport.manifest.schema import Resources
from homeport.ports import Bind, ContainerSpec
from homeport.runtime.containers import Exit


@pytest.mark.parametrize(
    ("elapsed_ms", "delay_ms"),
    [(0, 0.5), (49, 0.5), (50, 1), (249, 1), (250, 5), (999, 5), (1_000, 20), (9_999, 20), (10_000, 100), (1e6, 100)],
)
def test_a_port_is_polled_fast_at_first_and_slowly_later(elapsed_ms: float, delay_ms: float) -> None:
    assert next_delay_ms(elapsed_ms) == delay_ms


def test_many_starting_containers_share_the_speed_of_a_few() -> None:
    assert next_delay_ms(0, booting=4) == 0.5
    assert next_delay_ms(0, booting=200) == 25
    assert next_delay_ms(500, booting=1_000) == LATE_DELAY_MS


def test_an_early_attempt_gives_up_before_the_kernel_would_send_its_syn_again() -> None:
    assert attempt_limit_ms(10) < 100 < attempt_limit_ms(5_000) < 1_000


def ending(**more: object) -> Exit:
    values: dict[str, object] = {"exit_code": None, "signal": None, "oom": False, "error": "", "step": "", "ended_at_ms": 0}
    return Exit(**{**values, **more})  # type: ignore[arg-type] # the keys are those of Exit


@pytest.mark.parametrize(
    ("given", "stop_asked", "reason", "code"),
    [
        (ending(exit_code=0), False, ExitReason.EXITED, 0),
        (ending(exit_code=3), False, ExitReason.EXITED, 3),
        (ending(signal=11), False, ExitReason.EXITED, 139),
        (ending(exit_code=0), True, ExitReason.STOPPED, 0),
        (ending(signal=9), True, ExitReason.STOPPED, 137),
        (ending(), True, ExitReason.STOPPED, None),
        (ending(), False, ExitReason.LOST, None),
        (ending(signal=9, oom=True), True, ExitReason.OOM, 137),
        (ending(error="no space", step="mount"), True, ExitReason.START_FAILED, None),
    ],
)
def test_an_end_has_one_reason(given: Exit, stop_asked: bool, reason: ExitReason, code: int | None) -> None:
    fact = exited("ta-1", given, stop_asked)
    assert (fact.reason, fact.exit_code) == (reason, code)


def test_a_failed_start_says_its_step_once() -> None:
    assert exited("ta-1", ending(error="no space", step="mount it"), False).detail == "mount it: no space"
    assert exited("ta-1", ending(error="mount it: no space", step="mount it"), False).detail == "mount it: no space"


def test_a_start_spec_has_everything_in_the_spawners_words() -> None:
    spec = ContainerSpec(
        container_id="ta-1",
        app_id="ap-1",
        service_id="sv-1",
        image_layers=("/l2", "/l1"),
        command=("python3", "main.py"),
        env=(("A", "1"),),
        binds=(Bind("/src", "/root", False),),
        resources=Resources(cpu_milli=500, memory_mib=256, memory_limit_mib=512),
        port=8000,
        hostname="host",
        log_path="/log",
    )
    assert start_spec(spec) == {
        "id": "ta-1",
        "layers": ["/l2", "/l1"],
        "argv": ["python3", "main.py"],
        "env": {"A": "1"},
        "cwd": "/root",
        "binds": [["/src", "/root", False]],
        "hostname": "host",
        "log_path": "/log",
        "port": 8000,
        "cpu_milli": 500,
        "cpu_limit_milli": None,
        "memory_mib": 256,
        "memory_limit_mib": 512,
        "disk_mib": None,
        "stop_after_ms": 30_000,
        "backend": "crun",
        "base_layers": 0,
        "snapshot": "",
        "gpus": None,
    }
    small = replace(spec, resources=replace(spec.resources, ephemeral_disk_mib=64))
    assert start_spec(small)["disk_mib"] == 64
    assert start_spec(replace(spec, gpus=Gpus("T4", 2)))["gpus"] == {"model": "T4", "count": 2}
