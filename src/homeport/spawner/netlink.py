"""rtnetlink without processes: builders of messages (pure bytes) and one socket that sends them in batches.
Knows links, addresses, neighbours and routes of IPv4; knows nothing of containers. Formats: rtnetlink(7), linux/if_link.h.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import NamedTuple

Request = tuple[int, int, bytes]  # message type, flags, body

RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH = 16, 17, 19, 20, 24, 28
_F_REQUEST, _F_ACK, _F_REPLACE, F_EXCL, F_CREATE = 1, 4, 0x100, 0x200, 0x400
_NLMSG_ERROR = 2
_NLM_F_ACK_TLVS = 0x200
_NLA_F_NESTED = 0x8000
_IFF_UP = 1
_AF_BRIDGE = 7
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_PROTINFO, _IFLA_LINKINFO = 1, 3, 4, 10, 12, 18
_IFLA_NET_NS_FD, _IFLA_NUM_TX_QUEUES, _IFLA_NUM_RX_QUEUES = 28, 31, 32
_BRPORT_LEARNING, _BRPORT_UNICAST_FLOOD, _BRPORT_MCAST_FLOOD, _BRPORT_BCAST_FLOOD, _BRPORT_ISOLATED = 8, 9, 27, 30, 33
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_GATEWAY = 5
_NDA_DST, _NDA_LLADDR, _NUD_NOARP, _NUD_PERMANENT, _NTF_MASTER, _NTF_STICKY = 1, 2, 0x40, 0x80, 4, 0x40
_SOL_NETLINK, _NETLINK_EXT_ACK = 270, 11
_HEADER = 16


def attribute(kind: int, data: bytes) -> bytes:
    """One type-length-value, padded to four bytes."""
    length = 4 + len(data)
    return struct.pack("=HH", length, kind) + data + b"\0" * (-length % 4)


def bridge(name: str, mac: bytes) -> Request:
    """A new bridge that is up. Its address is fixed, else it would change with its ports."""
    info = attribute(_IFLA_LINKINFO, attribute(1, b"bridge"))
    return RTM_NEWLINK, F_CREATE | F_EXCL, _link(0, True, _name(name), attribute(_IFLA_ADDRESS, mac), info)


class Peer(NamedTuple):
    """The end of a pair that is made directly in the namespace `netns` (an fd)."""

    name: str
    netns: int
    mac: bytes


def veth(host_name: str, inside: Peer, bridge_index: int, mtu: int) -> Request:
    """A pair: one end here, down and a port of the bridge; the other inside."""
    queues = attribute(_IFLA_NUM_TX_QUEUES, _u32(1)) + attribute(_IFLA_NUM_RX_QUEUES, _u32(1))
    common = attribute(_IFLA_MTU, _u32(mtu)) + queues
    where, mac = attribute(_IFLA_NET_NS_FD, _u32(inside.netns)), attribute(_IFLA_ADDRESS, inside.mac)
    peer = _link(0, False, _name(inside.name), where, mac, common)
    info = attribute(_IFLA_LINKINFO, attribute(1, b"veth") + attribute(2, attribute(1, peer)))
    master = attribute(_IFLA_MASTER, _u32(bridge_index))
    return RTM_NEWLINK, F_CREATE | F_EXCL, _link(0, False, _name(host_name), master, common, info)


def fence(index: int) -> Request:
    """This bridge port may talk to the bridge itself but to no other isolated port, and only frames to its own `station` get
    there: the bridge learns nothing of what it says.
    """
    body = struct.pack("=BxHiII", _AF_BRIDGE, 0, index, 0, 0)
    off = (_BRPORT_LEARNING, _BRPORT_UNICAST_FLOOD, _BRPORT_MCAST_FLOOD, _BRPORT_BCAST_FLOOD)
    flags = b"".join(attribute(kind, b"\0") for kind in off) + attribute(_BRPORT_ISOLATED, b"\1")
    return RTM_SETLINK, 0, body + attribute(_IFLA_PROTINFO | _NLA_F_NESTED, flags)


def station(port: int, mac: bytes) -> Request:
    """The bridge finds this address at that port, whoever else uses it. Goes with the port."""
    header = struct.pack("=BxHiHBB", _AF_BRIDGE, 0, port, _NUD_NOARP, _NTF_MASTER | _NTF_STICKY, 0)
    return RTM_NEWNEIGH, F_CREATE | _F_REPLACE, header + attribute(_NDA_LLADDR, mac)


def link_up(index: int) -> Request:
    return RTM_NEWLINK, 0, _link(index, True)


def link_delete(index: int) -> Request:
    return RTM_DELLINK, 0, _link(index, False)


def address(index: int, ip: str, prefix: int) -> Request:
    packed = socket.inet_aton(ip)
    header = struct.pack("=BBBBi", socket.AF_INET, prefix, 0, 0, index)
    return RTM_NEWADDR, F_CREATE | F_EXCL, header + attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)


def default_route(gateway: str) -> Request:
    """Table main (254), protocol boot (3), scope universe, unicast."""
    header = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 3, 0, 1, 0)
    return RTM_NEWROUTE, F_CREATE, header + attribute(_RTA_GATEWAY, socket.inet_aton(gateway))


def neighbour(index: int, ip: str, mac: bytes) -> Request:
    """Who has this address, for good: nobody is asked, and nobody who says otherwise is believed."""
    header = struct.pack("=BxHiHBB", socket.AF_INET, 0, index, _NUD_PERMANENT, 0, 0)
    body = header + attribute(_NDA_DST, socket.inet_aton(ip)) + attribute(_NDA_LLADDR, mac)
    return RTM_NEWNEIGH, F_CREATE | _F_REPLACE, body


def encode(requests: list[Request], first_sequence: int) -> bytes:
    """All requests in one buffer, each asking for an acknowledgement."""
    parts = []
    for sequence, (kind, flags, body) in enumerate(requests, first_sequence):
        length = _HEADER + len(body)
        parts.append(struct.pack("=IHHII", length, kind, flags | _F_REQUEST | _F_ACK, sequence, 0))
        parts.append(body + b"\0" * (-length % 4))
    return b"".join(parts)


class Netlink:
    """A socket in the network namespace in which it is made; it stays there when the process moves on."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.bind((0, 0))
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._sequence = 0

    def send(self, *requests: Request) -> None:
        """Do them in order. Raises the OSError of the first that failed; the others were tried too."""
        first = self._sequence + 1
        self._sequence += len(requests)
        self._socket.send(encode(list(requests), first))
        missing, failure = len(requests), None
        while missing:
            for sequence, code, reason in parse_acks(self._socket.recv(1 << 16)):
                if sequence < first:
                    continue
                missing -= 1
                if code and failure is None:
                    failure = OSError(code, f"netlink request {sequence - first + 1}: {reason or os.strerror(code)}")
        if failure:
            raise failure

    def close(self) -> None:
        self._socket.close()


def parse_acks(data: bytes) -> list[tuple[int, int, str]]:
    """(sequence, errno or 0, the kernel's reason or "") of each acknowledgement in one datagram."""
    found, offset = [], 0
    while offset + _HEADER <= len(data):
        length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", data, offset)
        if kind == _NLMSG_ERROR:
            code = -struct.unpack_from("=i", data, offset + _HEADER)[0]
            found.append((sequence, code, _reason(data[offset : offset + length], flags) if code else ""))
        offset += (length + 3) & ~3
    return found


def _reason(message: bytes, flags: int) -> str:
    """The text attribute (1) that follows the error code and the echoed request, if the kernel sent one."""
    if not flags & _NLM_F_ACK_TLVS:
        return ""
    (echoed,) = struct.unpack_from("=I", message, _HEADER + 4)
    offset = _HEADER + 4 + ((echoed + 3) & ~3)
    while offset + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, offset)
        if kind & 0x3FFF == 1:
            return message[offset + 4 : offset + length].rstrip(b"\0").decode(errors="replace")
        offset += max(4, (length + 3) & ~3)
    return ""


def _link(index: int, up: bool, *attributes: bytes) -> bytes:
    flag = _IFF_UP if up else 0
    return struct.pack("=BxHiII", 0, 0, index, flag, flag) + b"".join(attributes)


def _name(name: str) -> bytes:
    return attribute(_IFLA_IFNAME, name.encode() + b"\0")


def _u32(value: int) -> bytes:
    return struct.pack("=I", value)
