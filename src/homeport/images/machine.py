"""What a build inherits from this machine so that it works behind a company proxy: certificates, and the settings of pip, uv
and apt. (The proxies' variables buildah passes on itself.)

They are shown to build steps in `/run/homeport` and never become part of an image. Pure: environment and file texts in, text
out. Nothing here may end up in a log, because indexes and proxies can carry passwords.
"""

from __future__ import annotations

import configparser
import io
from collections.abc import Mapping
from urllib.parse import urlsplit

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PIP_CONF = "/etc/pip.conf"
UV_TOML = "/etc/uv/uv.toml"
SHOWN = "/run/homeport"
CERTIFICATES, PIP, APT, NETRC = f"{SHOWN}/ca.crt", f"{SHOWN}/pip.conf", f"{SHOWN}/apt.conf", f"{SHOWN}/netrc"
CACHE = f"{SHOWN}/cache"
CACHES = {  # no part of any layer, so what is installed can't be a link to what is there
    "PIP_CACHE_DIR": f"{CACHE}/pip",
    "POETRY_CACHE_DIR": f"{CACHE}/poetry",
    "UV_CACHE_DIR": f"{CACHE}/uv",
    "UV_LINK_MODE": "copy",
}

# pip's environment variables that say where and how to download; others (a target, a user install) are personal.
_PIP_VARIABLES = (
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_INDEX_URL",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TRUSTED_HOST",
)
_OPTION_OF = {name: name.removeprefix("PIP_").lower().replace("_", "-") for name in _PIP_VARIABLES}
_OPTION_OF["PIP_DEFAULT_TIMEOUT"] = "timeout"
_UV_VARIABLES = (
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_HTTP_TIMEOUT",
    "UV_INDEX",
    "UV_INDEX_STRATEGY",
    "UV_INDEX_URL",
    "UV_INSECURE_HOST",
)
_CERTIFICATE_VARIABLES = ("CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_ELSEWHERE = ("find-links", "client-cert")  # name files of this machine


def environment(environ: Mapping[str, str], pip: str, has_certificates: bool) -> dict[str, str]:
    """What every build step sees, unless its image says otherwise. pip: the text of `pip_conf`."""
    found = {name: environ[name] for name in _UV_VARIABLES if environ.get(name) and not _is_local(environ[name])}
    if not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & found.keys():
        found |= _uv_from_pip(pip)
    found |= {"PIP_CONFIG_FILE": PIP, "APT_CONFIG": APT}
    if has_certificates:
        found |= dict.fromkeys(_CERTIFICATE_VARIABLES, CERTIFICATES)
    return found


def pip_conf(machine_conf: str, environ: Mapping[str, str], has_certificates: bool = True) -> str:
    """A pip.conf for build steps: the machine's `/etc/pip.conf`, then what the environment says, which wins, as in pip.

    Certificates are checked against the machine's CA bundle, which builds see too; places on its disk are left out.
    """
    config = configparser.RawConfigParser(strict=False)
    config.read_string(machine_conf)
    if not config.has_section("global"):
        config.add_section("global")
    allowed = {*_OPTION_OF.values(), "no-index"}
    for section in config.sections():
        for option in [each for each in config.options(section) if each.replace("_", "-") not in allowed]:
            config.remove_option(section, option)
    for name, option in _OPTION_OF.items():
        if environ.get(name):
            config.set("global", option, environ[name].replace("\n", "\n\t"))
    for section in config.sections():
        _without_local_places(config, section)
    if has_certificates:
        config.set("global", "cert", CERTIFICATES)
    config.set("global", "root-user-action", "ignore")
    config.set("global", "disable-pip-version-check", "true")
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def apt_conf(inherited: str, has_certificates: bool, has_netrc: bool) -> str:
    """inherited: lines as `mirror.inherited_settings` gives them, without those that name files of this machine."""
    lines = [
        line
        for line in inherited.splitlines()
        if not any(word in line for word in ("CaInfo", "CaPath", "SslCert", "SslKey"))
    ]
    if has_certificates:
        lines.append(f'Acquire::https::CaInfo "{CERTIFICATES}";')
    if has_netrc:
        lines.append(f'Dir::Etc::netrc "{NETRC}";')
    return "".join(f"{line}\n" for line in lines)


def netrc(addresses: list[str]) -> str:
    """Logins that the machine's mirrors have in their addresses, as apt reads them."""
    parts = [urlsplit(address) for address in addresses]
    entries = {
        f"machine {p.netloc.rpartition('@')[2]} login {p.username} password {p.password or ''}" for p in parts if p.username
    }
    return "".join(f"{entry}\n" for entry in sorted(entries))


def _without_local_places(config: configparser.RawConfigParser, section: str) -> None:
    for option in config.options(section):
        values = config.get(section, option).split()
        kept = [value for value in values if not _is_local(value)]
        if option.replace("_", "-") in _ELSEWHERE or not kept:
            config.remove_option(section, option)
        elif len(kept) < len(values):
            config.set(section, option, "\n\t".join(kept))


def _uv_from_pip(pip: str) -> dict[str, str]:
    config = configparser.RawConfigParser(strict=False)
    config.read_string(pip)
    options = dict(config["global"])
    named = {
        "UV_DEFAULT_INDEX": options.get("index-url", ""),
        "UV_INDEX": " ".join(options.get("extra-index-url", "").split()),
    }
    return {name: value for name, value in named.items() if value}


def _is_local(value: str) -> bool:
    return value.startswith(("file:", "/", "./", "~"))
