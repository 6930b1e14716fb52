"""What a build inherits from this machine so that it works behind a company proxy: the CA bundle and pip's configuration.

They are shown to build steps read-only and never become part of an image. Pure: environment and file texts in, text out.
"""

from __future__ import annotations

import configparser
import io
from collections.abc import Mapping

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"  # the same path on the machine and in our images
PIP_CONF = "/etc/pip.conf"

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


def pip_conf(machine_conf: str, environ: Mapping[str, str]) -> str:
    """A pip.conf for build steps: the machine's `/etc/pip.conf`, then what the environment says, which wins, as in pip.

    Certificates are checked against the machine's CA bundle, which builds see too.
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
    config.set("global", "cert", CA_BUNDLE)
    config.set("global", "root-user-action", "ignore")
    config.set("global", "disable-pip-version-check", "true")
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def volumes(pip_conf_path: str, has_ca_bundle: bool) -> list[str]:
    """Arguments of `buildah build`."""
    shown = [f"--volume={pip_conf_path}:{PIP_CONF}:ro"]
    if has_ca_bundle:
        shown.append(f"--volume={CA_BUNDLE}:{CA_BUNDLE}:ro")
    return shown
