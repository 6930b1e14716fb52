"""What people see of Servers: requests, statistics, metrics, what a drain cut; and Servers that run an image's program."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from e2e_harness import REQUEST_LIMIT_S, Box, running, wait_until
from e2e_sources import server

from homeport.client import config
from homeport.client.http import Client
from homeport.errors import InvalidError
from homeport.manifest import codec
from homeport.sdk.image import Image
from homeport.sdk.resolve import PlatformResolver
from homeport.sdk.server import Server

# It answers with its environment and the headers of the request.
ECHO = """
import http.server, os
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.headers}{os.environ}".encode())
http.server.HTTPServer(("", 8000), Echo).serve_forever()
"""

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A platform that looks at its containers every second."""
    root = tmp_path_factory.mktemp("seen")
    Box(root).settle('sample_s = 1\nlog_format = "json"\nserver_timing = true\n')
    with running(root) as box:
        yield box


@pytest.fixture(scope="module")
def shop(seen: Box) -> str:
    """The URL of a Server that was asked a few times, which is known."""
    url = seen.deploy("shop", server("shop"))
    for path in ("/a", "/b?q=1", "/c"):
        assert seen.get(url, path).status == 200
    # the router tells of a request after it was answered
    wait_until(lambda: len(seen.json("server", "requests", "shop/Server")) >= 3, "the requests to be known")
    return url


def test_requests_are_listed_with_the_newest_first(seen: Box, shop: str) -> None:
    container = seen.container("shop")["container_id"]
    rows = seen.json("server", "requests", "shop/Server")
    assert [row["route"] for row in rows] == ["/c", "/b", "/a"]
    assert {(row["status"], row["container_id"], row["version"], row["method"]) for row in rows} == {
        (200, container, 1, "GET")
    }
    table = seen.ok("server", "requests", "shop/Server", "-n", "1")
    assert "/c" in table
    assert "/a" not in table
    ranged = seen.json("server", "requests", "shop/Server", "--since", "7d")
    assert [row["route"] for row in ranged] == ["/a", "/b", "/c"]


def test_statistics_count_requests_and_what_containers_use(seen: Box, shop: str) -> None:
    def used() -> dict[str, Any]:
        answer: dict[str, Any] = seen.json("server", "stats", "shop/Server")
        known = answer["request_count"] >= 3 and answer["container_percentile_stats"]["memory_usage"]["p50"]
        return answer if known else {}

    answer = wait_until(used, "a reading")
    assert answer["request_count_by_status_code"]["2xx"] >= 3
    assert answer["container_error_count"] == 0
    assert 1 < answer["container_percentile_stats"]["memory_usage"]["p50"] < 500
    assert "2xx" in seen.ok("server", "stats", answer["object_id"], "--since", "7d")
    (line,) = seen.json("app", "stats", "shop")["servers"].values()
    assert (line["failed"], line["errors"]) == (0, 0)


def test_metrics_are_series_of_buckets(seen: Box, shop: str) -> None:
    schema = seen.json("server", "metrics", "shop/Server")
    assert set(schema["groups"]) == {"containers", "cpu", "memory", "network", "gpu", "requests"}

    def memory() -> list[float]:
        found = seen.json("server", "metrics", "shop/Server", "--group", "memory", "--bucket-size", "1m")
        return [value for _, value in found["series"][0]["points"] if value is not None]

    assert wait_until(memory, "a reading")[-1] > 0
    requests = seen.ok("server", "metrics", "shop/Server", "--group", "requests", "--since", "2h", "--csv").splitlines()
    assert requests[0].startswith("timestamp,requests,")
    assert sum(int(line.split(",")[1]) for line in requests[1:]) >= 3
    assert "not measured" in seen.run("server", "metrics", "shop/Server", "--group", "gpu").err


def test_a_program_asks_for_the_same(seen: Box, shop: str, tmp_path: Path) -> None:
    with Client(config.find(config.Choice(data_dir=seen.data_dir), environ={}, home=tmp_path)) as client:
        found = Server.from_name("shop", "Server", client=client)
        assert found.stats()["request_count"] >= 3
        assert "requests" in found.metrics.schema()["groups"]
        assert found.metrics.export("requests", bucket_size="1h")["series"][0]["name"] == "requests"
        with pytest.raises(InvalidError, match="known: containers, cpu"):
            found.metrics.export("weather")
        assert [entry for entry in found.logs.tail(5) if entry["server"] != "Server"] == []
        assert len(found.logs.fetch(datetime.now() - timedelta(hours=1))) >= len(found.logs.tail(1))


def test_requests_that_outlast_their_grace_period_are_told(seen: Box) -> None:
    url = seen.deploy("cut", server("cut", options="exit_grace_period=1"))
    old = seen.container("cut")
    with seen.held("cut", url):
        seen.deploy("cut", server("cut", "two", options="exit_grace_period=1"))
        wait_until(lambda: seen.ending("cut", old["container_id"]), "the end of the old one")

    def cut() -> dict[str, Any]:
        ended = seen.ending("cut", old["container_id"])
        return ended if ended and ended["requests_cut"] else {}

    assert wait_until(cut, "the word about it")["requests_cut"] == 1

    def ends() -> list[dict[str, Any]]:
        lines = (seen.data_dir / "logs" / "control-plane.log").read_text().split("\n")[:-1]
        said = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in said if line.get("container_id") == old["container_id"] and "requests_cut" in line]

    told = wait_until(ends, "a line of the log")
    assert [(line["requests_cut"], line["level"]) for line in told] == [(1, "warning")]


def test_a_deploy_that_waits_for_the_end_of_the_old_containers_says_what_was_cut(seen: Box) -> None:
    url = seen.deploy("cut2", server("cut2"))
    with seen.held("cut2", url):
        again = seen.ok("deploy", str(seen.write("cut2.py", server("cut2", "two"))), "--strategy", "recreate")
    assert "1 request was cut" in again


def test_an_image_with_a_program_of_its_own_is_a_server(seen: Box, tmp_path: Path) -> None:
    with Client(config.find(config.Choice(data_dir=seen.data_dir), environ={}, home=tmp_path)) as client:
        image = Image.debian_slim().workdir("/etc").cmd(["python3", "-m", "http.server", "8000"])
        recipe = image._recipe(PlatformResolver(client, "main"))
        built = list(client.build_image(codec.recipe_to_json(recipe), "files:v1"))
    assert built[-1].name == "built"
    arguments = ("--port", "8000", "--unauthenticated", "--cpu", "0.05", "--env-var", "COLOUR=red")
    seen.ok("server", "deploy", "--image", "files:v1", *arguments)
    url = seen.json("server", "info", "files/Server")["url"]
    assert "debian" in seen.get(url, "/os-release").text
    refused = seen.run("server", "deploy", "--image", "files:v1", *arguments)
    assert refused.code != 0
    assert "already deployed" in refused.err + refused.out
    seen.ok("server", "deploy", "--image", "files:v1", *arguments, "--cmd", shlex.join(["python3", "-c", ECHO]), "--yes")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"Host": urlsplit(url).netloc, "traceparent": trace}
    answer = httpx.get(f"http://127.0.0.1:{seen.http_port}/", headers=headers, timeout=REQUEST_LIMIT_S)
    assert "'COLOUR': 'red'" in answer.text
    assert f"traceparent: {trace}" in answer.text
    assert re.fullmatch(r"queue;dur=\d+, connect;dur=\d+, response;dur=\d+", answer.headers["server-timing"])
    seen.ok("container", "stop", seen.container("files")["container_id"], "--yes")


def test_prometheus_reads_the_platform_with_a_token_and_not_without(seen: Box, shop: str) -> None:
    url = f"http://127.0.0.1:{seen.api_port}/metrics"
    assert httpx.get(url, timeout=REQUEST_LIMIT_S).status_code == 401
    target = config.find(config.Choice(data_dir=seen.data_dir), environ={}, home=seen.root)
    rights = {"Authorization": f"Bearer {target.token_id}.{target.token_secret}"}
    answer = httpx.get(url, headers=rights, timeout=REQUEST_LIMIT_S)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'homeport_requests_total{environment="main",app="shop",server="Server",code="2xx"}' in answer.text
    assert "homeport_router_up 1" in answer.text
