"""`server info` against a platform that answers from a table."""

from __future__ import annotations

from collections.abc import Callable

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
