"""Which Debian mirror this machine uses, read from its apt configuration, so that images come the way its packages do.

Pure: texts in, texts out. Nothing here may end up in a log, because mirrors and proxies can carry passwords.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

MIRROR_DEFAULT = "http://deb.debian.org/debian"
SECURITY_DEFAULT = "http://deb.debian.org/debian-security"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITES = frozenset({"bullseye", "bookworm", "trixie", "forky", "oldstable", "stable", "testing", "sid", "unstable"})

# What an administrator sets so that downloads work at all; nothing that lowers the checks of signatures.
_INHERITED = re.compile(r"Acquire::(https?|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date)\b")
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of apt's sources."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""


@dataclass(frozen=True, slots=True)
class Archives:
    """Where Debian is fetched from. Both may carry a user and a password: hidden from `repr`."""

    main: str = field(repr=False)
    security: str | None = field(repr=False)
    signed_by: str = ""


def parse_one_line(text: str) -> list[Source]:
    """Entries of a `sources.list`."""
    found = []
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.split("#", 1)[0].strip())
        if match:
            options = dict(option.split("=", 1) for option in (match["options"] or "").split() if "=" in option)
            components = tuple(match["components"].split())
            found.append(Source(match["uri"], match["suite"], components, options.get("signed-by", "")))
    return found


def parse_deb822(text: str) -> list[Source]:
    """Entries of a `*.sources` file: one for each address and suite of a stanza that is switched on."""
    found: list[Source] = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        components = tuple(fields.get("components", "").split())
        key = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            found.extend(Source(uri, suite, components, key) for suite in fields.get("suites", "").split())
    return found


def archives(sources: Iterable[Source]) -> Archives:
    """The machine's Debian mirror and its security archive; the public ones where apt knows no Debian mirror."""
    debian = [each for each in sources if _release(each.suite) in SUITES and "main" in each.components]
    main = next((each for each in debian if each.suite in SUITES), None)
    if main is None:
        return Archives(MIRROR_DEFAULT, SECURITY_DEFAULT)
    security = next((each.uri for each in debian if "-security" in each.suite), None)
    return Archives(main.uri, security, main.signed_by if main.signed_by.startswith("/") else "")


def sources_list(where: Archives, suite: str, keyring: str) -> str:
    """A `sources.list` for `suite`; `keyring` is a path, or empty for apt's own trusted keys."""
    option = f"[signed-by={keyring}] " if keyring else ""
    lines = [f"deb {option}{where.main} {suite} main", f"deb {option}{where.main} {suite}-updates main"]
    if where.security:
        lines.append(f"deb {option}{where.security} {suite}-security main")
    return "\n".join(lines) + "\n"


def without_credentials(where: Archives) -> Archives:
    """What may be written into an image that others can read."""
    return Archives(_bare(where.main), _bare(where.security) if where.security else None, where.signed_by)


def inherited_settings(apt_config_dump: str) -> str:
    """The lines of `apt-config dump` that a download needs (proxies, certificates, retries), as an apt.conf."""
    lines = [line for line in apt_config_dump.splitlines() if _INHERITED.match(line) and not line.endswith('"";')]
    return "".join(line + "\n" for line in lines)


def _release(suite: str) -> str:
    return suite.split("/", 1)[0].split("-", 1)[0]


def _bare(uri: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace() and name:
            fields[name] += " " + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields
