"""Registries as text: full references, the file with credentials, and a failure to pull in words. Pure."""

from __future__ import annotations

import base64
import json
import platform
import re
from collections.abc import Mapping, Sequence

from ..errors import InvalidError

USERNAME, PASSWORD = "REGISTRY_USERNAME", "REGISTRY_PASSWORD"
DOCKER_HUB = "docker.io"
_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")
_REFERENCE = re.compile(
    r"(?P<host>[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-f:]+\](:\d+)?)/(?P<path>[a-z0-9]+([._/-]+[a-z0-9]+)*)"
    r"(?P<tag>:[\w][\w.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_DENIED = (
    "unauthorized",
    "authentication required",
    "invalid username/password",
    "access to the resource is denied",
    "denied",
)
_ABSENT = ("manifest unknown", "name unknown", "not found", "repository name not known")
_UNREACHABLE = ("no such host", "connection refused", "i/o timeout", "no route to host", "network is unreachable", "EOF")
_BROKEN = ("unexpected EOF", "digest", "invalid tar", "gzip", "corrupt", "blob unknown", "unexpected HTTP status")


def full_reference(reference: str) -> str:
    """With its registry and tag, as Docker reads it: `python:3.12` is `docker.io/library/python:3.12`.

    Raises InvalidError for what is no reference.
    """
    text = reference.removeprefix("docker://")
    first, slash, rest = text.partition("/")
    if not slash:
        text = f"{DOCKER_HUB}/library/{text}"
    elif not ("." in first or ":" in first or first == "localhost"):
        text = f"{DOCKER_HUB}/{text}"
    elif first in ("index.docker.io", "registry-1.docker.io"):
        text = f"{DOCKER_HUB}/{rest}"
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise InvalidError(f"{reference!r} is not the name of an image in a registry; write it like 'python:3.12-slim'.")
    return text if found["tag"] or found["digest"] else f"{text}:latest"


def host_of(reference: str) -> str:
    """Of a full reference."""
    return reference.partition("/")[0]


def is_loopback(reference: str) -> bool:
    """Such registries are asked without TLS too, as Docker does."""
    return _LOOPBACK.fullmatch(host_of(reference)) is not None


def auth_file(references: Sequence[str], secret: Mapping[str, str], secret_name: str) -> str:
    """The text of an auth.json for the registries of `references`. Raises InvalidError naming the key that is missing."""
    missing = [key for key in (USERNAME, PASSWORD) if not secret.get(key)]
    hosts = sorted({host_of(reference) for reference in references})
    if missing:
        raise InvalidError(
            f"The Secret {secret_name or 'for the registry'!r} lacks the key {' and '.join(missing)}, which logging in to "
            f"{' and '.join(hosts) or 'a registry'} needs."
        )
    token = base64.b64encode(f"{secret[USERNAME]}:{secret[PASSWORD]}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": token} for host in hosts}})


def architecture() -> str:
    """This machine's, as images call it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def why_not(reference: str, said: Sequence[str], with_secret: bool) -> str:
    """What to tell a person after a pull failed; `said`: buildah's last lines."""
    words = next((line.strip() for line in reversed(said) if line.strip()), "no reason was given").removeprefix("Error: ")
    lower, host = words.lower(), host_of(reference)
    detail = words.rpartition(": ")[2]
    if "no image found in" in lower and "arch" in lower:
        return wrong_architecture(reference, "other machines only")
    if any(each in lower for each in _DENIED):
        if with_secret:
            return f"{host} did not accept the credentials for {reference}; check {USERNAME} and {PASSWORD} in the Secret"
        return f"{host} wants a login for {reference}; pass a Secret with {USERNAME} and {PASSWORD}, or check its name"
    if any(each in lower for each in _ABSENT):
        return f"{host} has no image {reference}; check its name and tag"
    if any(each.lower() in lower for each in _BROKEN):
        return f"what {host} sent of {reference} is damaged ({detail}); push the image again"
    if any(each.lower() in lower for each in _UNREACHABLE):
        return f"the registry {host} can't be reached ({detail})"
    return f"{reference} could not be pulled ({detail})"


def wrong_architecture(reference: str, theirs: str) -> str:
    return f"{reference} is for {theirs} and this machine is {architecture()}; name an image for linux/{architecture()}"
