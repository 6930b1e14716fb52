"""The text of a container's /etc/hosts and /etc/resolv.conf. Pure."""

from __future__ import annotations

_KEPT = ("search", "domain", "options", "sortlist")


def nameservers(resolv_conf: str) -> list[str]:
    found = []
    for line in resolv_conf.splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[0] == "nameserver":
            found.append(fields[1])
    return found


def resolv_text(host: str, behind_stub: str) -> str:
    """From the host's resolv.conf; nameservers on its loopback give way to those of `behind_stub`.

    `behind_stub` is /run/systemd/resolve/resolv.conf ("" when there is none). A container's loopback is its own, so a
    loopback nameserver could never answer there.
    """
    servers = [server for server in nameservers(host) if not _loopback(server)]
    if not servers:
        servers = [server for server in nameservers(behind_stub) if not _loopback(server)]
    other = [line for line in host.splitlines() if line.split()[:1] and line.split()[0] in _KEPT]
    return "".join(f"{line}\n" for line in [*(f"nameserver {server}" for server in servers), *other])


def hosts_text(address: str, hostname: str) -> str:
    """A server that asks for its own full name at start (Python's http.server does) must not wait for a DNS timeout."""
    return f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n{address} {hostname}\n"


def _loopback(server: str) -> bool:
    return server.startswith("127.") or server == "::1"
