"""The pure parts of the network: which addresses, which bytes, which rules, which files."""

from __future__ import annotations

import struct

import pytest

from homeport.spawner import firewall, netlink, resolve, subnet

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
wg0\t0000000A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_the_tag_is_six_hex_digits_of_the_path() -> None:
    assert subnet.instance_tag("/var/lib/homeport") != subnet.instance_tag("/var/lib/other")
    assert len(bytes.fromhex(subnet.instance_tag("/var/lib/homeport"))) == 3


def test_the_network_is_decided_by_the_tag() -> None:
    assert subnet.pick("000000", []) == "10.0.0.0"
    assert subnet.pick("000001", []) == "10.0.16.0"
    assert subnet.pick("000fff", []) == "10.255.240.0"


def test_a_taken_network_is_passed_over_also_at_the_end() -> None:
    taken = [subnet.Range(subnet.to_int("10.255.255.0"), subnet.to_int("10.255.255.255"))]
    assert subnet.pick("000fff", taken) == "10.0.0.0"
    assert subnet.pick("000000", subnet.routed(ROUTES, "hp000000")) == "10.1.0.0"


def test_no_free_network_is_an_error() -> None:
    with pytest.raises(ValueError, match="no free /20"):
        subnet.pick("000000", [subnet.Range(0, 0xFFFFFFFF)])


def test_routes_are_read_without_the_default_and_our_own_bridge() -> None:
    texts = [(subnet.to_text(first), subnet.to_text(last)) for first, last in subnet.routed(ROUTES, "wg0")]
    assert texts == [("192.0.2.0", "192.0.2.255")]
    assert subnet.default_link(ROUTES) == "eth0"
    assert subnet.default_link("Iface\n") == ""


def test_names_of_links_fit_the_kernels_limit_and_tell_the_address() -> None:
    assert subnet.link_name("abcdef", subnet.HOSTS - 1) == "hpabcdefffc"
    assert subnet.number_of("abcdef", subnet.link_name("abcdef", 10)) == 10
    assert [subnet.number_of("abcdef", link) for link in ("hpabcdef", "hpabcde0001", "eth0", "00a")] == [None] * 4
    assert subnet.host_address("10.0.16.0", 0) == "10.0.16.2"
    assert subnet.host_address("10.0.16.0", subnet.HOSTS - 1) == "10.0.31.254"
    assert subnet.gateway("10.0.16.0") == "10.0.16.1"


def test_an_address_message_is_what_the_kernel_reads() -> None:
    kind, flags, body = netlink.address(5, "10.0.0.1", 20)
    assert (kind, flags) == (20, 0x600)
    assert body == bytes([2, 20, 0, 0]) + struct.pack("=i", 5) + b"\x08\0\x02\0\x0a\0\0\1" + b"\x08\0\x01\0\x0a\0\0\1"


def test_a_veth_message_puts_the_peer_into_the_other_namespace() -> None:
    _, _, body = netlink.veth("hp1", netlink.Peer("eth0", 9, b"\x02abcde"), 7, 1400)
    assert b"veth" in body
    assert netlink.attribute(28, struct.pack("=I", 9)) in body  # IFLA_NET_NS_FD
    assert netlink.attribute(10, struct.pack("=I", 7)) in body  # IFLA_MASTER
    assert body.count(netlink.attribute(4, struct.pack("=I", 1400))) == 2  # IFLA_MTU, both ends


def test_a_fence_is_a_nested_bridge_port_attribute() -> None:
    kind, _, body = netlink.fence(3)
    assert kind == 19
    assert body[:1] == b"\x07"
    assert body[16:20] == struct.pack("=HH", 4 + 5 * 8, 12 | 0x8000)
    assert body[20:].startswith(netlink.attribute(8, b"\0"))  # IFLA_BRPORT_LEARNING
    assert body.endswith(netlink.attribute(33, b"\1"))  # IFLA_BRPORT_ISOLATED


def test_attributes_are_padded_to_four_bytes() -> None:
    assert netlink.attribute(3, b"abc") == b"\x07\0\x03\0abc\0"
    assert netlink.attribute(3, b"abcd") == b"\x08\0\x03\0abcd"


def test_a_batch_numbers_its_requests_and_asks_for_answers() -> None:
    data = netlink.encode([(16, 0, b"ab"), (19, 0x400, b"")], 8)
    assert struct.unpack_from("=IHHII", data) == (18, 16, 5, 8, 0)
    assert struct.unpack_from("=IHHII", data, 20) == (16, 19, 0x405, 9, 0)


def test_acknowledgements_are_read_with_the_kernels_reason() -> None:
    good = struct.pack("=IHHII", 36, 2, 0, 4, 0) + struct.pack("=i", 0) + bytes(16)
    text = netlink.attribute(1, b"no such thing\0")
    bad = struct.pack("=IHHII", 36 + len(text), 2, 0x200, 5, 0) + struct.pack("=i", -17)
    bad += struct.pack("=IHHII", 16, 16, 0, 5, 0) + text
    assert netlink.parse_acks(good + bad) == [(4, 0, ""), (5, 17, "no such thing")]


def test_the_rules_fence_containers_in() -> None:
    text = firewall.table_text("abcdef", "hpabcdef", "10.0.16.0/20", [])
    assert text.startswith("table inet homeport_abcdef {}\ndelete table inet homeport_abcdef\n")
    rules = [line.strip() for line in text.splitlines()]
    assert rules.index('iifname "hpabcdef" oifname "hpabcdef" drop') < rules.index('iifname "hpabcdef" accept')
    assert 'iifname "hpabcdef" ip daddr 169.254.0.0/16 drop' in rules
    assert 'ip saddr 10.0.16.0/20 oifname != "hpabcdef" masquerade' in rules
    assert "dport 53" not in text


def test_dns_is_open_only_to_a_resolver_on_this_machine() -> None:
    text = firewall.table_text("abcdef", "hpabcdef", "10.0.16.0/20", ["192.0.2.2"])
    rules = [line.strip() for line in text.splitlines()]
    dns = rules.index('iifname "hpabcdef" ip daddr 192.0.2.2 meta l4proto { tcp, udp } th dport 53 accept')
    assert dns < rules.index('iifname "hpabcdef" drop')


def test_a_loopback_resolver_gives_way_to_the_one_behind_it() -> None:
    host = "# stub\nnameserver 127.0.0.53\nsearch example.org\noptions edns0\n"
    behind = "nameserver 192.0.2.53\n"
    assert resolve.resolv_text(host, behind) == "nameserver 192.0.2.53\nsearch example.org\noptions edns0\n"


def test_other_resolvers_are_kept_beside_a_loopback_one() -> None:
    host = "nameserver 127.0.0.1\nnameserver 192.0.2.1\nnameserver ::1\n"
    assert resolve.resolv_text(host, "nameserver 9.9.9.9\n") == "nameserver 192.0.2.1\n"


def test_a_container_knows_its_own_name() -> None:
    assert "10.0.16.2 web-1\n" in resolve.hosts_text("10.0.16.2", "web-1")


def test_a_neighbour_is_told_with_address_and_mac() -> None:
    kind, flags, body = netlink.neighbour(7, "10.1.2.3", subnet.host_mac("10.1.2.3"))
    assert (kind, flags) == (28, 0x500)  # RTM_NEWNEIGH, create or replace
    assert body[:12] == struct.pack("=BxHiHBB", 2, 0, 7, 0x80, 0, 0)
    assert body[12:] == netlink.attribute(1, bytes((10, 1, 2, 3))) + netlink.attribute(2, b"\x02h\x0a\x01\x02\x03")
