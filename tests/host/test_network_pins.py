"""A container that forges who it is gets nothing that is meant for another one. In network namespaces of the test's own."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from homeport.spawner import netlink, subnet, syscalls
from homeport.spawner.network import Network, Wiring

pytestmark = pytest.mark.host

NETWORK = "10.213.0.0"
BRIDGE = "hpbridge"
IPV4, ARP = 0x0800, 0x0806


@contextmanager
def inside(netns: int) -> Iterator[None]:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    syscalls.setns(netns, syscalls.CLONE_NEWNET)
    try:
        yield
    finally:
        syscalls.setns(home, syscalls.CLONE_NEWNET)
        os.close(home)


@pytest.fixture
def machine() -> Iterator[int]:
    """The index of a bridge in what is the machine's own network namespace for this test."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    syscalls.unshare(syscalls.CLONE_NEWNET)
    link = netlink.Netlink()
    try:
        link.send(netlink.bridge(BRIDGE, subnet.bridge_mac("abcdef")))
        index = socket.if_nametoindex(BRIDGE)
        link.send(netlink.address(index, subnet.gateway(NETWORK), subnet.PREFIX), netlink.link_up(index))
        yield index
    finally:
        link.close()
        syscalls.setns(home, syscalls.CLONE_NEWNET)
        os.close(home)


def container(bridge: int, number: int) -> tuple[str, int]:
    address = subnet.host_address(NETWORK, number)
    wiring = Wiring(address, subnet.link_name("abcdef", number), bridge, 1500, subnet.gateway(NETWORK))
    return address, wiring.make_namespace()


def arp(operation: int, mac: bytes, ip: str, to: bytes, asked: str) -> bytes:
    body = struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + mac + socket.inet_aton(ip) + to + socket.inet_aton(asked)
    return to + mac + struct.pack("!H", ARP) + body


def listener(address: str) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.bind((address, 7000))
    found.settimeout(60)
    return found


def packets() -> socket.socket:
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(IPV4))
    found.bind(("eth0", IPV4))
    found.settimeout(0)
    return found


def heard(ears: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield ears.recv(2048)


def test_what_is_for_a_container_gets_there_whoever_claims_its_address(machine: int) -> None:
    (victim, theirs), (attacker, mine) = container(machine, 1), container(machine, 2)
    gateway = subnet.gateway(NETWORK)
    with inside(theirs):
        receiver = listener(victim)
    with inside(mine):
        ears = packets()
        for mac in (subnet.host_mac(attacker), subnet.host_mac(victim)):  # another one's IP, and its MAC too
            for operation, to in ((1, b"\xff" * 6), (2, subnet.bridge_mac("abcdef"))):
                ears.send(arp(operation, mac, victim, to, gateway))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"secret", (victim, 7000))
    assert receiver.recv(64) == b"secret"
    assert not [frame for frame in heard(ears) if b"secret" in frame]
    for fd in (theirs, mine):
        os.close(fd)


def test_what_was_for_a_container_that_ended_gets_to_nobody(machine: int) -> None:
    (victim, theirs), (_, mine) = container(machine, 1), container(machine, 2)
    with inside(mine):
        ears = packets()
    os.close(theirs)
    link = netlink.Netlink()
    link.send(netlink.link_delete(socket.if_nametoindex(subnet.link_name("abcdef", 1))))
    link.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"secret", (victim, 7000))
    assert not [frame for frame in heard(ears) if b"secret" in frame]
    os.close(mine)


def test_a_container_reaches_the_machine_and_is_reached_by_it(machine: int) -> None:
    address, netns = container(machine, 1)
    gateway = subnet.gateway(NETWORK)
    home = listener(gateway)
    with inside(netns):
        sender = listener(address)
        sender.sendto(b"hello", (gateway, 7000))
    said, source = home.recvfrom(64)
    home.sendto(b"back", source)
    assert (said, sender.recv(64)) == (b"hello", b"back")
    shown = subprocess.run(["ip", "-4", "neighbour", "show", "dev", BRIDGE], capture_output=True, text=True, check=True)
    assert f"{address} lladdr {subnet.host_mac(address).hex(':')} PERMANENT" in shown.stdout
    os.close(netns)


def test_a_spawner_that_starts_says_again_where_everybody_is(machine: int, tmp_path: Path) -> None:
    first = Network("abcdef", str(tmp_path / "network.json"))
    first.ensure()
    lease = first.take()
    for state in ("down", "up"):
        subprocess.run(["ip", "link", "set", "hpabcdef", state], check=True)
    Network("abcdef", str(tmp_path / "network.json")).ensure()
    shown = subprocess.run(["ip", "-4", "neighbour", "show", "dev", "hpabcdef"], capture_output=True, text=True, check=True)
    assert f"{lease.address} lladdr {subnet.host_mac(lease.address).hex(':')} PERMANENT" in shown.stdout
    os.close(lease.netns)
    first.remove()
