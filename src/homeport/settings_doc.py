"""docs/settings.md, made from `Settings`: every setting with its default and one sentence. Owns the sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields

from .settings import FILE, Settings

HEAD = f"""# Settings

Made from `src/homeport/settings.py` and `settings_doc.py` by `make docs`; a test compares them.

A platform reads its settings when it starts, from `<data dir>/{FILE}`; options of `homeport up` go before them. All are
optional. An unknown name, a wrong type or a value out of range is refused and named. What a person's side reads,
environment variables and `~/.homeport.toml`, is in [environment.md](environment.md).

    # /var/lib/homeport/{FILE}
    domain = "apps.example.org"
    http_port = 80
    scaledown_window_s = 300

| setting | default | meaning |
| --- | --- | --- |
"""

MEANING = {
    "api_bind": "Address on which the API listens. It has no TLS: see [environment.md](environment.md#another-machine).",
    "api_port": "TCP port of the API; also `homeport up --api-port`.",
    "http_bind": "Address on which the router listens, for HTTP and HTTPS.",
    "http_port": "TCP port of the Servers' URLs; also `homeport up --http-port`.",
    "tls_cert": "Absolute path of a PEM certificate for `*.<region>.<domain>`; with it Servers answer over TLS too, and "
    "URLs are https. Read again when the file changes.",
    "tls_key": "Absolute path of its PEM key; empty if the key is in the same file.",
    "https_port": "TCP port of HTTPS, with a certificate.",
    "https_redirect": "Answer plain HTTP by a redirect to HTTPS; needs a certificate.",
    "workspace": "First part of every Server's host name: lower-case letters, digits and dashes.",
    "domain": "Last part of every Server's host name. `*.localhost` needs no DNS; for another one, point "
    "`*.<region>.<domain>` at this machine.",
    "routing_regions": "Values that `routing_region=` may have. All of them are this machine; they differ in URLs.",
    "compute_region": "The one value that `compute_region=` may have, and REGION in containers.",
    "cpu_overcommit": "How many times the machine's cores may be promised to containers.",
    "scaledown_window_s": "Seconds, for Servers that don't set `scaledown_window`.",
    "versions_kept": "Versions of each App that can be rolled back to; older ones are collected.",
    "days_after_stop": "Days after which a stopped App is collected.",
    "log_days": "Days for which logs of ended containers are kept.",
    "gc_grace_minutes": "Nothing that was used in the last so many minutes is collected.",
    "request_log_days": "Days for which requests are kept in the log of requests.",
    "request_log_mib": "MiB that this log may take; the oldest requests go first.",
    "sample_s": "Seconds between two looks at what containers use.",
    "log_format": "Of the platform's own log: `text` or `json`. The variable HOMEPORT_LOG goes before it.",
    "server_timing": "Add a `Server-Timing` header to answers: ms in the queue, to connect, and until the response.",
    "image_cache_gib": "GiB of layers that no image needs any more and that later builds may use again.",
    "image_cache_days": "Days for which such layers are kept.",
    "build_memory_gib": "GiB of memory that one step of a build may use; 0: half of the machine's.",
    "secret_key_file": "File with the key of all Secrets; empty: the data directory has it. HOMEPORT_SECRET_KEY goes first.",
    "backend": "How containers start: `auto` forks them from a warm template where that works, `crun` never does.",
}


def document() -> str:
    """The whole of docs/settings.md. Raises KeyError for a setting without a sentence."""
    return HEAD + "".join(_rows())


def _rows() -> Iterator[str]:
    for field in fields(Settings):
        if field.name != "data_dir":  # where the file itself is
            default = json.dumps(field.default)
            yield f"| `{field.name}` | `{default}` | {MEANING[field.name]} |\n"
