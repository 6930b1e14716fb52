"""Which addresses an instance uses: its tag, its /20 out of 10.0.0.0/8, the names of its links. Pure text and integers."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
from typing import NamedTuple

PREFIX = 20
SIZE = 1 << (32 - PREFIX)
_BASE = 10 << 24
_COUNT = 1 << (PREFIX - 8)
_FIRST_HOST = 2  # .0 is the network, .1 the bridge
HOSTS = SIZE - _FIRST_HOST - 1  # the last one is broadcast


class Range(NamedTuple):
    """Addresses first..last, as integers."""

    first: int
    last: int


def instance_tag(real_path: str) -> str:
    """Six hex digits that tell this data directory's platform from others on the machine."""
    return hashlib.sha256(real_path.encode(errors="surrogateescape")).hexdigest()[:6]


def pick(tag: str, taken: list[Range]) -> str:
    """The network's first address: decided by the tag, moved on while it overlaps something taken.

    Raises ValueError when all of 10.0.0.0/8 is taken.
    """
    start = int(tag, 16) % _COUNT
    for step in range(_COUNT):
        first = _BASE + ((start + step) % _COUNT) * SIZE
        if not overlaps(first, taken):
            return to_text(first)
    raise ValueError("no free /20 is left in 10.0.0.0/8: every part of it has a route on this machine")


def overlaps(first: int, taken: list[Range]) -> bool:
    return any(first <= other.last and other.first < first + SIZE for other in taken)


def routed(proc_net_route: str, except_link: str) -> list[Range]:
    """What already has a route (the text of /proc/net/route), but the default and those through our own bridge."""
    found = []
    for line in proc_net_route.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[0] == except_link:
            continue
        first, mask = _swap(fields[1]), _swap(fields[7])
        if mask:
            found.append(Range(first, first | (~mask & 0xFFFFFFFF)))
    return found


def default_link(proc_net_route: str) -> str:
    """The link of the default route, or ""."""
    for line in proc_net_route.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 8 and fields[1] == "00000000" and fields[7] == "00000000":
            return fields[0]
    return ""


def gateway(network: str) -> str:
    return to_text(to_int(network) + 1)


def host_address(network: str, index: int) -> str:
    """The address of container number `index`, 0 <= index < HOSTS."""
    return to_text(to_int(network) + _FIRST_HOST + index)


def bridge_name(tag: str) -> str:
    return f"hp{tag}"


def link_name(tag: str, index: int) -> str:
    """The host's end of the pair that belongs to `host_address(network, index)`; 15 characters are allowed."""
    return f"hp{tag}{index:03x}"


def number_of(tag: str, link: str) -> int | None:
    """The index that `link_name` was given; None for another link."""
    found = re.fullmatch(f"{bridge_name(tag)}([0-9a-f]{{3}})", link)
    return int(found[1], 16) if found else None


def bridge_mac(tag: str) -> bytes:
    """Locally administered, unicast."""
    return b"\x02hp" + bytes.fromhex(tag)


def host_mac(address: str) -> bytes:
    """Of the container with this address; locally administered, unicast."""
    return b"\x02h" + socket.inet_aton(address)


def to_int(address: str) -> int:
    value: int = struct.unpack("!I", socket.inet_aton(address))[0]
    return value


def to_text(value: int) -> str:
    return socket.inet_ntoa(struct.pack("!I", value))


def _swap(digits: str) -> int:
    """/proc/net/route prints addresses as the machine's integers of network order bytes."""
    value: int = struct.unpack("!I", struct.pack("=I", int(digits, 16)))[0]
    return value
