"""The bridge of one instance in the machine's network namespace, and network namespaces ready to be handed to containers.

A namespace lives as long as something holds it: the pool, then the container's processes. Its link pair goes with it
(never `ip link del`: 20 ms each), and an address is free again once the link named after it is gone. So nothing has to
be written down: after a restart the links themselves tell which addresses are in use.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from . import firewall, netlink, resolve, subnet, syscalls, wire

POOL_SIZE = 32  # a burst's worth; 0.25 MB each
_MTU_DEFAULT = 1500
_LOOPBACK_INDEX = 1
_PEER_INDEX = 2  # the second link that a new namespace gets


T = TypeVar("T")


class Wiring(NamedTuple):
    """How a network namespace of this address is connected with the bridge. Any process in the machine's own can do it."""

    address: str
    link: str
    bridge_index: int
    mtu: int
    gateway: str

    def make_namespace(self, patience_ms: int = 0) -> int:
        """A new one, connected, as an fd. Raises OSError. The link of one that just ended with its processes may still be
        there for a moment: `patience_ms` is how long it may be waited for.
        """
        deadline = time.monotonic() + patience_ms / 1000
        while True:
            try:
                return self._connect(*_visit(lambda: syscalls.unshare(syscalls.CLONE_NEWNET), netlink.Netlink))
            except OSError as error:
                if error.errno != errno.EEXIST or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def connect(self, process: int) -> int:
        """That of a process, given as a pidfd, which has nothing but a loopback yet. An fd of it. Raises OSError."""
        return self._connect(*_visit(lambda: syscalls.setns(process, syscalls.CLONE_NEWNET), netlink.Netlink))

    def pins(self, port: int) -> tuple[netlink.Request, ...]:
        """What says where it is, given the index of its link."""
        mac = subnet.host_mac(self.address)
        return netlink.fence(port), netlink.station(port, mac), netlink.neighbour(self.bridge_index, self.address, mac)

    def _connect(self, netns: int, inside: netlink.Netlink) -> int:
        """Where frames and packets to this address go is said here, before a process inside can send any: it may be the
        user's, with all rights in there, and say that it is somebody else.
        """
        outside, mac = netlink.Netlink(), subnet.host_mac(self.address)
        try:
            outside.send(netlink.veth(self.link, netlink.Peer("eth0", netns, mac), self.bridge_index, self.mtu))
            port = socket.if_nametoindex(self.link)
            outside.send(*self.pins(port), netlink.link_up(port))
            inside.send(
                netlink.link_up(_LOOPBACK_INDEX),
                netlink.address(_PEER_INDEX, self.address, subnet.PREFIX),
                netlink.link_up(_PEER_INDEX),
                netlink.default_route(self.gateway),
            )
        except BaseException:
            os.close(netns)
            raise
        finally:
            inside.close()
            outside.close()
        return netns


class Lease(NamedTuple):
    """A network namespace with its address. Whoever takes it closes `netns` (an fd; -1 while there is none yet)."""

    address: str
    netns: int
    wiring: Wiring


class Network:
    """`ensure` first; after that `take` gives leases and `refill` keeps some ready."""

    def __init__(self, tag: str, state_path: str) -> None:
        self.network = ""
        self._tag = tag
        self._state_path = state_path
        self._bridge = subnet.bridge_name(tag)
        self._bridge_index = 0
        self._mtu = _MTU_DEFAULT
        self._pool: list[Lease] = []
        self._cursor = time.time_ns() % subnet.HOSTS  # so that a new spawner doesn't hand out what just became free
        self._netlink = netlink.Netlink()

    def ensure(self) -> None:
        """Bridge, address, forwarding and firewall, whatever of it is there already. Raises OSError."""
        routes = _read("/proc/net/route")
        resolvers = resolve.nameservers(_read("/etc/resolv.conf"))
        self.network = self._choose(routes, resolvers)
        self._mtu = _mtu_of(subnet.default_link(routes))
        with _already_there():
            self._netlink.send(netlink.bridge(self._bridge, subnet.bridge_mac(self._tag)))
        self._bridge_index = socket.if_nametoindex(self._bridge)
        with contextlib.suppress(OSError):  # a machine without IPv6
            _write(f"/proc/sys/net/ipv6/conf/{self._bridge}/disable_ipv6", "1")
        with _already_there():
            self._netlink.send(netlink.address(self._bridge_index, subnet.gateway(self.network), subnet.PREFIX))
        self._netlink.send(netlink.link_up(self._bridge_index))
        self._pin()
        if _read("/proc/sys/net/ipv4/ip_forward").strip() == "0":
            _write("/proc/sys/net/ipv4/ip_forward", "1")
        local = [server for server in resolvers if _is_local(server)]
        firewall.load(firewall.table_text(self._tag, self._bridge, f"{self.network}/{subnet.PREFIX}", local))

    def take(self) -> Lease:
        """From the pool, else made now. Raises OSError."""
        return self._pool.pop() if self._pool else self._make()

    def reserve(self) -> Lease:
        """An address for a namespace that somebody else brings (`Wiring.connect`). Raises OSError."""
        wiring = self._wiring(self._free_index())
        return Lease(wiring.address, -1, wiring)

    def refill(self) -> bool:
        """Make one more if the pool wants it; True while it wants more. Raises OSError."""
        if len(self._pool) < POOL_SIZE:
            self._pool.append(self._make())
        return len(self._pool) < POOL_SIZE

    def remove(self) -> None:
        """Pool, firewall table and bridge. Idempotent. Raises OSError."""
        while self._pool:
            os.close(self._pool.pop().netns)
        firewall.remove(self._tag)
        with contextlib.suppress(OSError):  # there is no bridge
            self._netlink.send(netlink.link_delete(socket.if_nametoindex(self._bridge)))

    def _choose(self, routes: str, resolvers: list[str]) -> str:
        """The network of last time if nothing else took it meanwhile, else a free one."""
        taken = subnet.routed(routes, self._bridge)
        for server in resolvers:
            with contextlib.suppress(OSError):  # not IPv4
                taken.append(subnet.Range(subnet.to_int(server), subnet.to_int(server)))
        network = self._last_network()
        if network and (_exists(self._bridge) or not subnet.overlaps(subnet.to_int(network), taken)):
            return network
        try:
            network = subnet.pick(self._tag, taken)
        except ValueError as error:
            raise OSError(str(error)) from None
        wire.write_json(self._state_path, {"network": network, "prefix": subnet.PREFIX})
        return network

    def _last_network(self) -> str:
        """ "" when there was none, or when a power failure cut the file off."""
        try:
            return str((wire.read_json(self._state_path) or {}).get("network", ""))
        except ValueError:
            return ""

    def _pin(self) -> None:
        """Those that live already: what was said of them goes when somebody takes the bridge down for a moment."""
        for port, name in socket.if_nameindex():
            number = subnet.number_of(self._tag, name)
            if number is not None:
                with contextlib.suppress(OSError):  # it has just ended
                    self._netlink.send(*self._wiring(number).pins(port))

    def _make(self) -> Lease:
        wiring = self._wiring(self._free_index())
        return Lease(wiring.address, wiring.make_namespace(), wiring)

    def _wiring(self, index: int) -> Wiring:
        address, name = subnet.host_address(self.network, index), subnet.link_name(self._tag, index)
        return Wiring(address, name, self._bridge_index, self._mtu, subnet.gateway(self.network))

    def _free_index(self) -> int:
        for _ in range(subnet.HOSTS):
            self._cursor = (self._cursor + 1) % subnet.HOSTS
            if not _exists(subnet.link_name(self._tag, self._cursor)):
                return self._cursor
        raise OSError(errno.EADDRNOTAVAIL, f"all {subnet.HOSTS} container addresses of {self.network} are in use")


def _visit(enter: Callable[[], None], open_socket: Callable[[], T]) -> tuple[int, T]:
    """A network namespace as an fd, and a socket inside. This process (one thread) is in there for a moment."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter()
        try:
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC), open_socket()
        finally:
            syscalls.setns(home, syscalls.CLONE_NEWNET)
    finally:
        os.close(home)


def resolv_conf() -> str:
    """The text for containers on this machine, now."""
    return resolve.resolv_text(_read("/etc/resolv.conf"), _read("/run/systemd/resolve/resolv.conf"))


@contextlib.contextmanager
def _already_there() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise


def _exists(link: str) -> bool:
    try:
        socket.if_nametoindex(link)
    except OSError:
        return False
    return True


def _is_local(address: str) -> bool:
    """One can be bound to exactly the machine's own addresses."""
    if address.startswith("127.") or ":" in address:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _mtu_of(link: str) -> int:
    text = _read(f"/sys/class/net/{link}/mtu") if link else ""
    return int(text) if text.strip().isdigit() else _MTU_DEFAULT


def _read(path: str) -> str:
    """ "" when there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
