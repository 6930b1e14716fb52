"""The files a data plane boots from, as text: haproxy.cfg, the side-car's configuration and the three maps.

Pure: values in, text out. The digest covers what only a reload can change; server lines and maps are left out of it.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import InvalidError
from . import sessiontext, template
from .settings import Ports, RouterSettings
from .slots import WORD, HostEntry, Server, ServerState, Slot

_HASH = re.compile(r"[0-9a-f]{64}")
_REFUSALS = {f"refuse_{why}": text for why, text in template.REFUSALS.items()}
FDS_RESERVED = 2_000  # checks, listeners, map files, log rings, Lua
FDS_PER_CONNECTION = 2.6  # both sides, and a pipe for splicing for every fourth

Tokens = Mapping[str, tuple[str, tuple[str, ...]]]  # sha256 of "key:secret" in hex -> (token id, environments or "*")


@dataclass(frozen=True, slots=True)
class Shape:
    """What only a reload can change, together with what the machine allows."""

    settings: RouterSettings
    ports: Ports
    slots: int
    files_max: int  # the limit of open files the data plane will have
    drop_root: bool = False
    sessioned: bool = True  # False leaves out what only sessioned Servers need, as every request pays for it

    @property
    def digest(self) -> str:
        """Names this shape. A data plane that says another one (`show env HOMEPORT_CONFIG`) needs a reload."""
        return _digest(self)


def config(shape: Shape, slots: Iterable[Slot], reloaded: bool = False) -> str:
    """haproxy.cfg. `reloaded`: it is read by a worker that follows another one, which will teach it the sessions."""
    return _render(shape, shape.digest, slots, reloaded)


def sidecar_config(shape: Shape) -> str:
    return template.SIDECAR.format(
        user=_user(shape),
        peer_port=shape.ports.peer,
        sidecar_port=shape.ports.sidecar,
        socket_dir=shape.settings.socket_dir,
    )


def hosts_map(hosts: Mapping[str, HostEntry]) -> str:
    return "".join(f"{host} {entry.text}\n" for host, entry in sorted(hosts.items()))


def tokens_map(tokens: Tokens) -> str:
    return "".join(f"{key} {token_id}\n" for key, (token_id, _) in sorted(tokens.items()))


def grants_map(tokens: Tokens) -> str:
    return "".join(f"{grant} {token_id}\n" for grant, token_id in grants(tokens).items())


def grants(tokens: Tokens) -> dict[str, str]:
    """Every pair of a token and an environment it is valid for, as the data plane looks it up, with the token's id."""
    found = {f"{key}|{name}": token_id for key, (token_id, environments) in tokens.items() for name in environments}
    return dict(sorted(found.items()))


def check_tokens(tokens: Tokens) -> None:
    """Raises InvalidError for what could not stand in a map file."""
    for key, (token_id, environments) in tokens.items():
        if not _HASH.fullmatch(key):
            raise InvalidError(f"Token {token_id!r} is not named by a sha256 in hex.")
        for word in (token_id, *environments):
            if word != "*" and not WORD.fullmatch(word):
                raise InvalidError(f"Token {token_id!r} can't be used: {word!r} is not a plain name.")


def server_words(server: Server) -> str:
    """A server line without the word `server`; the same words follow `add server SLOT/` at run time."""
    words = [server.container_id, server.address, f"id {server.server_id}"]
    if server.max_concurrency:
        words.append(f"maxconn {server.max_concurrency}")
    if server.h2:
        words.append("proto h2")
    return " ".join([*words, template.CHECK, template.POOL])


def connections_max(wanted: int, files_max: int) -> int:
    """`wanted`, lowered to what the limit of open files allows; HAProxy refuses to start with more."""
    return max(100, min(wanted, int((files_max - FDS_RESERVED) / FDS_PER_CONNECTION)))


@functools.lru_cache(maxsize=8)  # asked for twice a second
def _digest(shape: Shape) -> str:
    return hashlib.sha256(_render(shape, "", (), False).encode()).hexdigest()[:16]


def _render(shape: Shape, digest: str, slots: Iterable[Slot], reloaded: bool) -> str:
    settings, ports = shape.settings, shape.ports
    head = template.GLOBAL.format(
        threads=settings.threads,
        max_connections=connections_max(settings.max_connections, shape.files_max),
        user=_user(shape),
        admin_socket=settings.admin_socket,
        hard_stop_s=settings.hard_stop_s,
        digest=digest,
        reloaded="    setenv HOMEPORT_RELOADED 1\n" if reloaded else "",
        lua_file=settings.lua_file,
        event_port=ports.event,
        log_port=ports.log,
        peer_port=ports.peer,
        sidecar_port=ports.sidecar,
    )
    front = template.FRONTEND.format(
        http_bind=settings.http_bind,
        http_port=settings.http_port,
        https=_https(settings),
        redirect=_redirect(settings),
        sessions=_sessions(shape),
        scheme="%[ssl_fc,iif(https,http)]" if settings.tls_cert else "http",
        hosts_map=settings.hosts_map,
        tokens_map=settings.tokens_map,
        grants_map=settings.grants_map,
        hash=template.HASH,
        **_REFUSALS,
    )
    defaults = template.DEFAULTS.format(log_format=template.LOG_FORMAT, errors=template.ERRORS)
    by_name = {slot.name: slot for slot in slots}
    names = [f"be{number:04d}" for number in range(shape.slots)]
    timing = template.SERVER_TIMING if settings.server_timing else ""
    more = (sessiontext.PERSIST if shape.sessioned else "") + timing
    backends = (_backend(name, by_name.get(name), more) for name in names)
    front += sessiontext.LOBBY.format(
        secret=settings.control_secret or "none",
        address=settings.control_address,
        sessions_map=settings.sessions_map,
    )
    return head + defaults + front + "\n".join(backends)


def _backend(name: str, slot: Slot | None, more: str) -> str:
    lines = [template.BACKEND.format(slot=name, **_REFUSALS) + more]
    for _, server in sorted(slot.servers.items()) if slot else ():
        if server.state is not ServerState.LEAVING:
            disabled = " disabled" if server.state is ServerState.DRAINING else ""
            lines.append(f"    server {server_words(server)}{disabled}\n")
    return "".join(lines)


def _sessions(shape: Shape) -> str:
    if shape.sessioned:
        return sessiontext.FRONTEND.format(sessions_map=shape.settings.sessions_map, **_REFUSALS)
    return sessiontext.WITHOUT.format(refuse_session=template.refuse(401, "sessioned", sessiontext.REFUSED_TEXT))


def _https(settings: RouterSettings) -> str:
    if not settings.tls_cert:
        return ""
    return template.HTTPS.format(http_bind=settings.http_bind, https_port=settings.https_port, tls_pem=settings.tls_pem)


def _redirect(settings: RouterSettings) -> str:
    port = "" if settings.https_port == 443 else f":{settings.https_port}"
    return template.REDIRECT.format(port=port) if settings.tls_cert and settings.https_redirect else ""


def _user(shape: Shape) -> str:
    """Workers need no rights once their sockets are bound; 65534 is nobody wherever Linux is."""
    return "    uid 65534\n    gid 65534\n" if shape.drop_root else ""
