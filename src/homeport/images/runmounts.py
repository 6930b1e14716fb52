"""What may stand in RUN --mount=, and its only form that buildah is shown. Pure; knows nothing else of Dockerfiles.

buildah looks for the sources of mounts on this machine, as root, and follows links there. So no word of the user's is
handed on that could lead it: a cache gets a name of ours, and files come from an uploaded tree, whose links stay within it,
and which is read by other builds too.
"""

from __future__ import annotations

import hashlib
import re

from ..errors import InvalidError

_PLAIN = re.compile(r"[^\s$\"'\\=]*")
_CONTEXT = re.compile(r"context\d+")
_SAME = {
    "dst": "target",
    "destination": "target",
    "src": "source",
    "readonly": "ro",
    "readwrite": "rw",
    "tmpfs-size": "size",
}
_KEYS = {
    "bind": frozenset({"target", "source", "from", "ro"}),
    "cache": frozenset({"target", "id", "sharing", "mode", "uid", "gid", "ro", "rw"}),
    "tmpfs": frozenset({"target", "size"}),
}
_FLAGS = frozenset({"ro", "rw"})


def canonical(value: str) -> str:
    """The mount as buildah is told it. Raises InvalidError for what is not supported, or names what it must not."""
    options = _options(value)
    kind = options.pop("type", "bind")
    if kind not in _KEYS:
        raise InvalidError(
            f"RUN --mount=type={kind} is not supported in a Dockerfile; Secrets that are passed to the image are there "
            "as environment variables while it is built."
        )
    for key in options:
        if key not in _KEYS[kind]:
            raise InvalidError(f"RUN --mount=type={kind} can't have {key!r} here; leave it out.")
    if not options.get("target"):
        raise InvalidError(f"RUN --mount=type={kind} needs a target=.")
    if kind == "cache":
        name = options.get("id") or options["target"]
        options["id"] = f"homeport-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    if kind == "bind":
        options |= {"source": _below(options.get("source", "")), "ro": ""}
        if "from" in options and not _CONTEXT.fullmatch(options["from"]):
            raise InvalidError(f"RUN --mount=from={options['from']} is not supported; take its files by COPY --from.")
    if "size" in options:
        options["tmpfs-size"] = options.pop("size")
    return ",".join([f"type={kind}", *(key if key in _FLAGS else f"{key}={text}" for key, text in options.items())])


def _options(value: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in value.split(","):
        name, _, text = part.partition("=")
        name = name.lower()
        if not name or not _PLAIN.fullmatch(text) or ".." in text.split("/"):
            raise InvalidError(
                f"RUN --mount={value}: {part!r} is not supported; write it without variables, quotes and `..`."
            )
        options[_SAME.get(name, name)] = text
    return options


def _below(source: str) -> str:
    """In the context, where an absolute path begins too."""
    return source.strip("/") or "."
