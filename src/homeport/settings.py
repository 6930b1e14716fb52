"""What a platform's owner may choose, as one frozen value, read once. Owns names, defaults and their file.

`<data dir>/settings.toml` holds what lasts; the command line of `homeport up` goes first.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

from .errors import InvalidError

DEFAULT_DATA_DIR = Path("/var/lib/homeport")
FILE = "settings.toml"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_EVERYWHERE = ("0.0.0.0", "::")  # these take the port on every other address, too
BACKENDS = ("auto", "crun")
LOG_FORMATS = ("text", "json")
_LEAST = {
    "cpu_overcommit": 1,
    "scaledown_window_s": 2,
    "versions_kept": 1,
    "days_after_stop": 0,
    "log_days": 0,
    "gc_grace_minutes": 5,
    "image_cache_gib": 0,
    "image_cache_days": 0,
    "build_memory_gib": 0,
    "request_log_days": 1,
    "request_log_mib": 8,
    "sample_s": 1,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What each setting means is said once, in `settings_doc`, which makes docs/settings.md. Units are last in names."""

    data_dir: Path = DEFAULT_DATA_DIR
    api_bind: str = "127.0.0.1"
    api_port: int = 7300
    http_bind: str = "0.0.0.0"
    http_port: int = 8080
    tls_cert: str = ""
    tls_key: str = ""
    https_port: int = 8443
    https_redirect: bool = False
    workspace: str = "home"
    domain: str = "localhost"
    routing_regions: tuple[str, ...] = ("us-east", "us-west", "eu-west", "ap-south")
    compute_region: str = "us-east"
    cpu_overcommit: int = 1
    scaledown_window_s: int = 60
    versions_kept: int = 20
    days_after_stop: int = 7
    log_days: int = 30
    gc_grace_minutes: int = 60
    request_log_days: int = 7
    request_log_mib: int = 512
    sample_s: int = 10
    log_format: str = "text"
    server_timing: bool = False
    image_cache_gib: int = 20
    image_cache_days: int = 14
    build_memory_gib: int = 0
    secret_key_file: str = ""
    backend: str = "auto"

    @property
    def api_url(self) -> str:
        host = "127.0.0.1" if self.api_bind in _EVERYWHERE else self.api_bind
        return f"http://{host}:{self.api_port}"

    @property
    def listeners(self) -> dict[str, tuple[str, int]]:
        """Where others reach the platform, address and port, by the setting of the port."""
        found = {"api_port": (self.api_bind, self.api_port), "http_port": (self.http_bind, self.http_port)}
        return {**found, "https_port": (self.http_bind, self.https_port)} if self.tls_cert else found

    def server_url(self, host: str) -> str:
        """The URL of a host name that the router serves."""
        scheme, port, usual = ("https", self.https_port, 443) if self.tls_cert else ("http", self.http_port, 80)
        return f"{scheme}://{host}" if port == usual else f"{scheme}://{host}:{port}"


def load(data_dir: Path, chosen: Mapping[str, object]) -> Settings:
    """Defaults, then the file, then what was `chosen` now (None: nothing). Raises InvalidError naming the setting."""
    path = data_dir / FILE
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError:
        document = {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path} is not TOML: {error}. Correct it and try again.") from None
    settings = _apply(Settings(data_dir=data_dir), document, str(path))
    return _apply(settings, {name: value for name, value in chosen.items() if value is not None}, "the command line")


def _apply(settings: Settings, document: Mapping[str, object], origin: str) -> Settings:
    defaults = Settings()
    known = {field.name for field in fields(Settings)} - {"data_dir"}
    for name, value in document.items():
        if name not in known:
            raise InvalidError(f"{origin}: unknown setting {name!r}; known: {', '.join(sorted(known))}.")
        given = tuple(value) if isinstance(value, list) else value
        if type(given) is not type(getattr(defaults, name)):
            raise InvalidError(f"{origin}: {name} has to be like {getattr(defaults, name)!r}, not {value!r}.")
        settings = replace(settings, **cast("dict[str, Any]", {name: given}))
    _check(settings, origin)
    return settings


def _check(settings: Settings, origin: str) -> None:
    for name in ("api_port", "http_port", "https_port"):
        if not 1 <= getattr(settings, name) <= 65535:
            raise InvalidError(f"{origin}: {name} has to be between 1 and 65535, not {getattr(settings, name)}.")
    for (one, (address, port)), (other, second) in itertools.combinations(settings.listeners.items(), 2):
        if (second[0] in (address, *_EVERYWHERE) or address in _EVERYWHERE) and second[1] == port:
            raise InvalidError(f"{origin}: {one} and {other} are both {port}; they have to differ.")
    _check_tls(settings, origin)
    if not _LABEL.fullmatch(settings.workspace):
        raise InvalidError(f"{origin}: workspace {settings.workspace!r} has to be lower-case letters, digits and dashes.")
    if not _DOMAIN.fullmatch(settings.domain):
        raise InvalidError(f"{origin}: domain {settings.domain!r} is not a domain name.")
    if settings.backend not in BACKENDS:
        raise InvalidError(f"{origin}: backend has to be {' or '.join(BACKENDS)}, not {settings.backend!r}.")
    if settings.log_format not in LOG_FORMATS:
        raise InvalidError(f"{origin}: log_format has to be {' or '.join(LOG_FORMATS)}, not {settings.log_format!r}.")
    for name, least in _LEAST.items():
        if getattr(settings, name) < least:
            raise InvalidError(f"{origin}: {name} has to be at least {least}.")


def _check_tls(settings: Settings, origin: str) -> None:
    if settings.tls_key and not settings.tls_cert:
        raise InvalidError(f"{origin}: tls_key without tls_cert; name the certificate too.")
    if settings.https_redirect and not settings.tls_cert:
        raise InvalidError(f"{origin}: https_redirect needs a certificate; set tls_cert.")
    for name in ("tls_cert", "tls_key"):
        if getattr(settings, name) and not Path(getattr(settings, name)).is_absolute():
            raise InvalidError(f"{origin}: {name} has to be an absolute path.")
