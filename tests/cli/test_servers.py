"""`server info` against a platform that answers from a table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import FakePlatform, Result

INFO = {
    "server_name": "web",
    "object_id": "fu-1",
    "app_id": "ap-1",
    "app_name": "shop",
    "version": 3,
    "url": "http://home--shop-web.us-east.localhost:8080",
    "port": 8000,
    "unauthenticated": False,
    "h2_enabled": False,
    "routing_region": "us-east",
    "startup_timeout": 30.0,
    "exit_grace_period": 0.0,
    "cpu": 0.125,
    "memory_mib": 128,
    "containers": 1,
}


def test_info_shows_what_a_container_gets(cli: Callable[..., Result], platform: FakePlatform) -> None:
    platform.answers["GET /v1/servers/shop/web"] = INFO
    assert "Resources:            0.125 CPU · 128 MiB\n" in cli("server", "info", "shop/web").out
    more = {"cpu_limit": 2.0, "memory_limit_mib": 256, "gpus": ["H100:2", "A100"], "ephemeral_disk_mib": 64}
    platform.answers["GET /v1/servers/shop/web"] = {**INFO, **more}
    words = "0.125 CPU (at most 2) · 128 MiB (at most 256) · H100:2 or A100 GPU · 64 MiB disk\n"
    assert f"Resources:            {words}" in cli("server", "info", "shop/web").out


ASKING = [["info"], ["stats"], ["requests"], ["metrics"], ["autoscaler", "settings"], ["autoscaler", "explain"], ["logs"]]


@pytest.mark.parametrize("verb", [*ASKING, ["autoscaler", "update", "--min-containers", "1"]], ids=" ".join)
def test_a_server_is_found_by_its_id_too(cli: Callable[..., Result], platform: FakePlatform, verb: list[str]) -> None:
    platform.answers["GET /v1/servers/fu-1"] = {"app_id": "ap-1", "server_name": "web", "object_id": "fu-1"}
    cli("server", *verb, "fu-1", "-e", "dev")
    assert platform.asked[0].query == {"environment": "dev"}
    assert platform.asked[1].path.startswith("/v1/apps/ap-1/logs" if verb == ["logs"] else "/v1/servers/ap-1/web")


def test_what_is_neither_a_name_nor_an_id_is_a_usage_error(cli: Callable[..., Result]) -> None:
    for wrong in ("shop", "/web", "shop/", "a/b/c", "fu-"):
        assert cli("server", "info", wrong).code == 2
