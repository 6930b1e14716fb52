"""What a container cannot do and cannot reach."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from spawner_harness import SpawnerHarness, connects, wait_until

pytestmark = pytest.mark.host

RIGHTS = """
import ctypes, json, os
CLONE = 56 if os.uname().machine == "x86_64" else 220
libc = ctypes.CDLL(None, use_errno=True)
def denied(call):
    return call() == -1 and ctypes.get_errno() == 1
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(json.dumps({
    "caps": status["CapEff"], "new_privs": status["NoNewPrivs"], "seccomp": status["Seccomp"], "pid": os.getpid(),
    "mount": denied(lambda: libc.mount(b"x", b"/mnt", b"tmpfs", 0, None)),
    "unshare": denied(lambda: libc.unshare(0x10000000)),
    "clone_newuser": denied(lambda: libc.syscall(CLONE, 0x10000000 | 17, None, None, None, None)),
    "host_file": os.path.exists(HOST_FILE),
    "links": sorted(os.listdir("/sys/class/net")),
    "processes": sorted(name for name in os.listdir("/proc") if name.isdigit()),
}))
"""

REACH = """
import json, socket, sys
def connects(host, port):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False
print(json.dumps({name: connects(host, port) for name, (host, port) in json.loads(sys.argv[1]).items()}))
"""


def test_a_container_has_few_rights_and_sees_only_itself(spawner: SpawnerHarness, rootfs: str) -> None:
    program = f"HOST_FILE = {spawner.data_dir!r}\n{RIGHTS}"
    spawner.python("rights", rootfs, program)
    assert spawner.ending("rights")["exit_code"] == 0, spawner.log("rights")
    found = json.loads(spawner.log("rights")[0][1])
    assert found == {
        "caps": "00000000800405fb",
        "new_privs": "1",
        "seccomp": "2",
        "pid": 1,
        "mount": True,
        "unshare": True,
        "clone_newuser": True,
        "host_file": False,
        "links": ["eth0", "lo"],
        "processes": ["1"],
    }


def test_a_container_reaches_no_other_container_and_no_port_of_the_host(spawner: SpawnerHarness, rootfs: str) -> None:
    other = spawner.start("other", rootfs, ["python3", "-m", "http.server", "8000"])
    wait_until(lambda: connects(other), "the other container")
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        gateway = f"{other.rsplit('.', 2)[0]}.{_third_of_gateway(spawner)}.1"
        assert connects(gateway, port)
        found = _reach(spawner, rootfs, {"itself": ["127.0.0.1", 1], "other": [other, 8000], "host": [gateway, port]})
    assert found == {"itself": False, "other": False, "host": False}


def test_the_firewall_alone_keeps_containers_apart(spawner: SpawnerHarness, rootfs: str) -> None:
    """Bridge isolation and nft are two fences; this one looks at the rules that the kernel holds."""
    import subprocess

    tag = spawner.request(op="hello")["instance"]
    rules = subprocess.run(["nft", "list", "table", "inet", f"homeport_{tag}"], capture_output=True, text=True, check=True)
    assert f'iifname "hp{tag}" oifname "hp{tag}" drop' in rules.stdout
    assert f'iifname "hp{tag}" ip daddr 169.254.0.0/16 drop' in rules.stdout


def test_the_hostname_resolves_without_dns(spawner: SpawnerHarness, rootfs: str) -> None:
    address = spawner.python("named", rootfs, "import socket; print(socket.gethostbyname(socket.gethostname()))")
    spawner.ending("named")
    assert spawner.log("named") == [("o", address)]


def _reach(spawner: SpawnerHarness, rootfs: str, targets: dict[str, list[Any]]) -> dict[str, bool]:
    spawner.start("prober", rootfs, ["python3", "-c", REACH, json.dumps(targets)])
    spawner.ending("prober")
    found: dict[str, bool] = json.loads(spawner.log("prober")[0][1])
    return found


def _third_of_gateway(spawner: SpawnerHarness) -> str:
    network: str = spawner.request(op="hello")["notes"]["network"]
    return network.split(".")[2]
