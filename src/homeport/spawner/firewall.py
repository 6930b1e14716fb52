"""The nftables rules of one instance: the text (pure) and the one place that loads it.

container -> container      dropped (also by isolated bridge ports)
container -> this machine   dropped, but answers, and DNS if the machine itself is the resolver
container -> 169.254/16     dropped (a cloud's metadata service)
container -> elsewhere      masqueraded
elsewhere -> container      dropped, but answers; this machine -> container is open
"""

from __future__ import annotations

from . import command

_TEMPLATE = """\
table inet {table} {{}}
delete table inet {table}
table inet {table} {{
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname "{bridge}" ct state established,related accept
{dns}    iifname "{bridge}" drop
  }}
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname "{bridge}" oifname "{bridge}" drop
    iifname "{bridge}" ip daddr 169.254.0.0/16 drop
    iifname "{bridge}" meta nfproto ipv6 drop
    iifname "{bridge}" accept
    oifname "{bridge}" ct state established,related accept
    oifname "{bridge}" drop
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    ip saddr {network} oifname != "{bridge}" masquerade
  }}
}}
"""


def table_name(tag: str) -> str:
    return f"homeport_{tag}"


def table_text(tag: str, bridge: str, network: str, local_resolvers: list[str]) -> str:
    """What `nft -f` reads; it replaces an older table of the same name in one transaction. `network` is a CIDR."""
    dns = "".join(
        f'    iifname "{bridge}" ip daddr {address} meta l4proto {{ tcp, udp }} th dport 53 accept\n'
        for address in local_resolvers
    )
    return _TEMPLATE.format(table=table_name(tag), bridge=bridge, network=network, dns=dns)


def load(text: str) -> None:
    """Raises OSError with nft's own words."""
    result = command.run([_nft(), "-f", "-"], text.encode())
    if result.code:
        raise OSError(f"nft refused the firewall rules: {result.output}")


def remove(tag: str) -> None:
    """Idempotent. Raises OSError."""
    name = table_name(tag)
    load(f"table inet {name} {{}}\ndelete table inet {name}\n")


def _nft() -> str:
    path = command.find("nft")
    if not path:
        raise OSError("nft is not installed: apt-get install nftables")
    return path
