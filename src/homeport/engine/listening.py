"""Where a container that does not get ready listens instead: on loopback, or on another port (semantics 2.2.11).

`hint` is pure: the text of /proc/<pid>/net/tcp and tcp6 in, words out. `look` reads them, of the network namespace that
the container's first process is in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"
_ANYWHERE = ("00000000", "0" * 32)
_LOOPBACK_6 = "00000000000000000000000001000000"
_NAMED_MAX = 3


@dataclass(frozen=True, slots=True)
class Listener:
    address: str  # as people write it
    port: int
    reachable: bool  # from outside the container

    @property
    def text(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def look(pid: int, port: int) -> str:
    """As `hint`. Empty too when it can't be seen, as of a process that has just ended."""
    texts = []
    for name in ("tcp", "tcp6"):
        try:
            texts.append(Path(f"/proc/{pid}/net/{name}").read_text())
        except OSError:  # the process is gone, or this kernel has no IPv6
            texts.append("")
    return hint("".join(texts), port)


def hint(table: str, port: int) -> str:
    """Why nothing answers at `port`, in words; empty where nothing listens anywhere, or just what should does."""
    found = listeners(table)
    here = [listener for listener in found if listener.port == port]
    if any(listener.reachable for listener in here):
        return ""
    if here:
        return f"it listens on {here[0].text}, which only the container itself can reach; let it listen on 0.0.0.0"
    if found:
        there = ", ".join(listener.text for listener in found[:_NAMED_MAX])
        return f"it listens on {there}, and the Server's port is {port}; make them the same with port="
    return ""


def listeners(table: str) -> list[Listener]:
    """All listening sockets of /proc/net/tcp or tcp6 (or both, one after the other), sorted by port."""
    rows = (line.split() for line in table.splitlines())
    found = {_listener(row[1]) for row in rows if len(row) > 3 and row[3] == LISTEN}
    return sorted(found, key=lambda listener: (listener.port, listener.address))


def _listener(local: str) -> Listener:
    address, _, port = local.partition(":")
    if address in _ANYWHERE:
        return Listener("0.0.0.0" if len(address) == 8 else "::", int(port, 16), True)
    if len(address) == 8:
        text = ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))
        return Listener(text, int(port, 16), not text.startswith("127."))
    return Listener("::1" if address == _LOOPBACK_6 else "an IPv6 address", int(port, 16), address != _LOOPBACK_6)
