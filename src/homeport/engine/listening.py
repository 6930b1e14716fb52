"""Where a container that does not get ready listens instead: on loopback, or on another port (semantics 2.2.11).

`hint` is pure: sockets in, words out. `look` asks the kernel for those of the container's network namespace.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from . import sockdiag

_NAMED_MAX = 3


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    port: int
    address: str  # as people write it

    @property
    def reachable(self) -> bool:
        """From outside the container."""
        return not ip_address(self.address).is_loopback

    @property
    def text(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def look(pid: int, port: int) -> str:
    """As `hint`. Empty too when it can't be seen, as of a process that has just ended."""
    try:
        return hint((Listener(at, address) for address, at in sockdiag.listening(pid)), port)
    except OSError:
        return ""


def hint(listeners: Iterable[Listener], port: int) -> str:
    """Why nothing answers at `port`, in words; empty where nothing listens anywhere, or just what should does."""
    found = sorted(set(listeners))
    here = [listener for listener in found if listener.port == port]
    if any(listener.reachable for listener in here):
        return ""
    if here:
        return f"it listens on {here[0].text}, which only the container itself can reach; let it listen on 0.0.0.0"
    if found:
        there = ", ".join(listener.text for listener in found[:_NAMED_MAX])
        return f"it listens on {there}, and the Server's port is {port}; make them the same with port="
    return ""
