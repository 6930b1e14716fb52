"""An App of one Server that runs an image's own program, without Python of the user's (semantics 2.6.1 to 2.6.6).

For `homeport server deploy`; a class that is decorated is the other way to make a Server (`sdk.app`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import InvalidError
from .app import App
from .image import Image
from .options import ServerOptions
from .server import Server

SERVER_NAME = "Server"


def app_of(name: str, image: Image, command: tuple[str, ...], settings: Mapping[str, Any]) -> App:
    """The App `name` with a Server that runs `command`, or what the image is made to run if that is empty.

    settings: arguments of `@app.server(...)`, and `sessioned`. Raises InvalidError for what is not legal.
    """
    given = {**_defaults(), **settings, "image": image, "name": SERVER_NAME, "include_source": False}
    app = App(name)
    options = ServerOptions.of(given, app._defaults)
    if settings.get("sessioned"):
        options = options.with_sessions()
    if options.spec.enable_memory_snapshot:
        raise InvalidError("`enable_memory_snapshot` needs a class.")
    options = replace(options, spec=replace(options.spec, command=command), without_class=True)
    app._servers[SERVER_NAME] = Server._of_image(options)
    return app


def app_name_of(reference: str) -> str:
    """The last part of a reference without tag and digest, as `whoami` of `ghcr.io/traefik/whoami:v1`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]


def in_registry(reference: str) -> bool:
    """Whether its first part is the name of a registry."""
    host, slash, _ = reference.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")


def _defaults() -> dict[str, Any]:
    """What `@app.server()` takes where nothing is said."""
    import inspect

    parameters = inspect.signature(App.server).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
