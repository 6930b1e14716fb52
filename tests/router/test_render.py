"""The files a data plane boots from. The golden file is the whole configuration: read its difference when it changes."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.core.routes import Route, Target
from homeport.errors import InvalidError, PlatformError
from homeport.router import launch, parse, recover, render
from homeport.router.settings import Ports, RouterSettings
from homeport.router.slots import SlotTable

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = RouterSettings(Path("/var/lib/homeport/router"), "0.0.0.0", 8080, slots=2, nbthread=2)
SHAPE = render.Shape(SETTINGS, Ports(20001, 20002, 20003, 20004), 2, files_max=20_000, drop_root=True)
KEY = "ab" * 32


def table() -> SlotTable:
    found = SlotTable(2)
    targets = (Target("ta-1", "10.3.0.1:8000"), Target("ta-2", "10.3.0.2:8000", draining=True))
    web = Route("web.localhost", "ap-1", "fu-1", "main", max_concurrency=10, targets=targets)
    grpc = Route("grpc.localhost", "ap-1", "fu-2", "main", authenticated=False, h2=True, targets=(targets[0],))
    found.assign("ap-1", (web, grpc))
    found.assign("ap-2", (Route("old.localhost", "ap-2", "fu-3", "prod", stopped=True),))
    return found


@pytest.mark.parametrize("name", ["haproxy.cfg", "sidecar.cfg", "hosts.map"])
def test_the_files_are_those_of_the_golden_directory(name: str) -> None:
    texts = {
        "haproxy.cfg": render.config(SHAPE, table().slots()),
        "sidecar.cfg": render.sidecar_config(SHAPE),
        "hosts.map": render.hosts_map(table().hosts()),
    }
    if os.environ.get("HOMEPORT_WRITE_GOLDEN"):
        (GOLDEN / name).write_text(texts[name])
    assert texts[name] == (GOLDEN / name).read_text()


def test_servers_and_hosts_do_not_change_the_digest_but_what_needs_a_reload_does() -> None:
    assert render.config(SHAPE, []).count(SHAPE.digest) == 1
    others = [
        replace(SHAPE, slots=4),
        replace(SHAPE, sessioned=False),
        replace(SHAPE, ports=Ports(1, 2, 3, 4)),
        replace(SHAPE, settings=replace(SETTINGS, http_port=80)),
    ]
    assert len({SHAPE.digest, *(other.digest for other in others)}) == 5


def test_a_worker_that_follows_another_one_is_told_to_wait_for_its_sessions() -> None:
    assert "HOMEPORT_RELOADED" in render.config(SHAPE, [], reloaded=True)
    assert "HOMEPORT_RELOADED" not in render.config(SHAPE, [])


def test_leaving_servers_are_not_written() -> None:
    found = table()
    found.assign("ap-1", ())
    assert "ta-1" not in render.config(SHAPE, found.slots())


@pytest.mark.parametrize(("wanted", "files_max", "got"), [(20_000, 20_000, 6_923), (500, 20_000, 500), (20_000, 1_024, 100)])
def test_connections_are_bounded_by_open_files(wanted: int, files_max: int, got: int) -> None:
    assert render.connections_max(wanted, files_max) == got


def test_grants_are_pairs_of_token_and_environment() -> None:
    tokens = {KEY: ("tk-1", ("main", "*"))}
    assert render.tokens_map(tokens) == f"{KEY} tk-1\n"
    assert render.grants_map(tokens) == f"{KEY}|* tk-1\n{KEY}|main tk-1\n"


@pytest.mark.parametrize("tokens", [{"short": ("tk-1", ())}, {KEY: ("tk 1", ())}, {KEY: ("tk-1", ("a\nb",))}])
def test_a_token_that_could_not_stand_in_a_map_is_refused(tokens: render.Tokens) -> None:
    with pytest.raises(InvalidError):
        render.check_tokens(tokens)


def test_what_was_written_is_recovered() -> None:
    written = parse.config_servers(render.config(SHAPE, table().slots()))
    hosts = recover.map_file(render.hosts_map(table().hosts()))
    found = recover.table(hosts, [server.row for server in written], written, 2)
    assert render.config(SHAPE, found.slots()) == render.config(SHAPE, table().slots())
    assert found.hosts() == table().hosts()
    tokens = {KEY: ("tk-1", ("main", "prod"))}
    assert recover.tokens({KEY: "tk-1"}, render.grants(tokens)) == tokens


@pytest.mark.host
def test_haproxy_accepts_the_configuration(tmp_path: Path) -> None:
    settings = replace(SETTINGS, run_dir=tmp_path)
    binary = launch.find_binary(settings)
    for path in (settings.hosts_map, settings.tokens_map, settings.grants_map, settings.sessions_map):
        path.touch()
    settings.lua_file.write_text((Path(launch.__file__).parent / "place.lua").read_text())
    for path, text in (
        (settings.config_file, render.config(replace(SHAPE, settings=settings), table().slots())),
        (settings.sidecar_file, render.sidecar_config(replace(SHAPE, settings=settings))),
    ):
        path.write_text(text)
        checked = subprocess.run([binary, "-c", "-f", str(path)], capture_output=True, text=True, timeout=60)
        said = checked.stdout + checked.stderr
        assert checked.returncode == 0, said
        assert "WARNING" not in said


def test_without_sessioned_servers_no_request_pays_for_them() -> None:
    text = render.config(replace(SHAPE, sessioned=False), table().slots())
    front = text[text.index("frontend http") : text.index("backend lobby")]
    assert not re.search(r"txn\.(stoken|qtoken|session|lobby|sname)\b", front)
    assert "force-persist" not in text
    assert re.search(r"return status 401 .* if sessioned$", front, re.MULTILINE), "one that came since then is refused"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("HAProxy version 2.6.12-1+deb12u3 2025/10/03", "HAProxy 2.6 at /x is refused: its worker crashes"),
        ("HAProxy version 3.2.1 2026/01/01", "HAProxy 3.2 at /x is refused: it was never tested"),
        ("nginx", "HAProxy of unknown version at /x is refused"),
    ],
)
def test_another_release_of_haproxy_is_refused_by_name(said: str, why: str) -> None:
    with pytest.raises(PlatformError, match=why):
        launch.check_version(said, "/x")


def test_2_8_is_accepted() -> None:
    launch.check_version("HAProxy version 2.8.25-5cf5d0683 2026/06/26 - https://haproxy.org/", "/x")


def test_answers_tell_how_long_they_took_only_where_that_is_set() -> None:
    assert "Server-Timing" not in render.config(SHAPE, [])
    timed = replace(SHAPE, settings=replace(SHAPE.settings, server_timing=True))
    assert render.config(timed, []).count("http-response add-header Server-Timing") == timed.slots
    assert timed.digest != SHAPE.digest
