"""What a container that wants to do harm can reach of the machine: nothing, whatever listens there and wherever."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_harness import Box
from e2e_sources import server

PROBE = """
import json, socket
def reach(host, port):
    try:
        socket.create_connection((host, port), 0.3).close()
        return True
    except OSError:
        return False
print(json.dumps([[host, port] for host in {hosts!r} for port in {ports!r} if reach(host, port)]))
"""
SOCKETS = """
import json, os, socket, stat
found = []
for top, folders, names in os.walk("/"):
    if top in ("/proc", "/sys"):
        folders.clear()
    for name in names:
        path = os.path.join(top, name)
        try:
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                found.append(path)
        except OSError:
            pass
for path in {paths!r}:
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        found.append(path)
    except OSError:
        pass
print(json.dumps(found + open("/proc/net/unix").read().splitlines()[1:]))
"""
PLATFORM_SOCKET = "/run/homeport/platform.sock"
PLATFORM = """
import http.client, json, os, socket
SOCKET = "/run/homeport/platform.sock"
class Inside(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)
def ask(path, token):
    connection = Inside("platform")
    connection.request("GET", path, headers={{"Authorization": "Bearer " + token}} if token else {{}})
    return connection.getresponse().status
def attempt(change):
    try:
        change()
        return True
    except OSError:
        return False
token = os.environ["HOMEPORT_IDENTITY_TOKEN"]
forged = token[:-1] + ("b" if token[-1] == "a" else "a")
changes = {{
    "removed": lambda: os.unlink(SOCKET),
    "moved": lambda: os.rename(SOCKET, SOCKET + ".old"),
    "covered": lambda: socket.socket(socket.AF_UNIX).bind(SOCKET + ".new"),
    "closed": lambda: os.chmod(SOCKET, 0),
}}
print(json.dumps([{{
    "answers": {{path: ask(path, token) for path in {paths!r}}},
    "whoami": ask("/v1/whoami", token),
    "without a token": ask("/v1/whoami", ""),
    "a forged one": ask("/v1/whoami", forged),
    "changed": [name for name, change in changes.items() if attempt(change)],
}}]))
"""
RIGHTS = """
import json, socket
refused = []
for family, kind, protocol in ((socket.AF_INET, socket.SOCK_RAW, 6), (socket.AF_PACKET, socket.SOCK_RAW, 3)):
    try:
        socket.socket(family, kind, protocol)
    except OSError as error:
        refused.append(type(error).__name__)
print(json.dumps(refused))
"""


@pytest.fixture(scope="module")
def open_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A platform whose API listens on every address of the machine, as one does for a team."""
    box = Box(tmp_path_factory.mktemp("open"))
    box.settle('api_bind = "0.0.0.0"\n')
    try:
        box.up()
        box.deploy("hostile", server("hostile"))
        yield box
    finally:
        box.down()


def inside(box: Box, program: str) -> list[Any]:
    done = box.inside("hostile", program)
    assert done.code == 0, done
    found: list[Any] = json.loads(done.out)
    return found


def addresses() -> set[str]:
    """All of the machine's own, the bridge's too."""
    said = subprocess.run(["ip", "-j", "-4", "address"], capture_output=True, text=True, check=True).stdout
    return {each["local"] for link in json.loads(said) for each in link["addr_info"]}


def platform_ports(box: Box) -> list[int]:
    """Those of the API, of Servers, and every loopback port that the router keeps for itself."""
    loopback = json.loads((box.data_dir / "router" / "ports.json").read_text())
    return [box.api_port, box.http_port, *loopback.values()]


def test_nothing_of_the_platform_or_the_machine_is_reached_on_any_of_its_addresses(open_box: Box) -> None:
    assert inside(open_box, PROBE.format(hosts=["127.0.0.1"], ports=[8000])) == [["127.0.0.1", 8000]], "the probe works"
    ports = platform_ports(open_box)
    assert len(ports) == 6
    with socket.create_server(("0.0.0.0", 0)) as other:
        ports.append(other.getsockname()[1])
        reached = inside(open_box, PROBE.format(hosts=sorted(gateway_and_others := addresses()), ports=ports))
        ours = gateway_and_others & addresses()  # another platform may have come or gone meanwhile
        assert len(ours) >= 2
        assert [found for found in reached if found[0] in ours] == []
        assert inside(open_box, PROBE.format(hosts=["169.254.169.254", "0.0.0.0", "::1"], ports=[80, *ports])) == []


def test_no_socket_file_of_the_router_or_the_spawner_is_there(open_box: Box) -> None:
    paths = [str(path) for path in open_box.data_dir.rglob("*") if path.is_socket()]
    assert {"admin.sock", "master.sock"} <= {Path(path).name for path in paths}
    assert inside(open_box, SOCKETS.format(paths=paths)) == [PLATFORM_SOCKET]


def test_the_way_to_the_platform_leads_to_nothing_of_people_and_can_not_be_replaced(open_box: Box) -> None:
    paths = [f"/v1/{name}" for name in ("apps", "secrets", "containers", "workspace/members", "me", "openapi.json")]
    seen = inside(open_box, PLATFORM.format(paths=paths))[0]
    assert seen["answers"] == dict.fromkeys(paths, 404)
    assert (seen["whoami"], seen["without a token"], seen["a forged one"]) == (200, 401, 401)
    assert seen["changed"] == []


def test_no_address_can_be_taken_over(open_box: Box) -> None:
    assert inside(open_box, RIGHTS) == ["PermissionError", "PermissionError"]
