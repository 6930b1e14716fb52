"""`homeport curl`: the machine's own curl, asking a Server by its name (semantics 2.6.14). Knows no HTTP itself.

The proxy token goes by a file in memory, so that `ps` shows it to nobody, and as `Authorization`, the one header of ours
that curl takes along to no other host when it follows a redirect.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Annotated

import typer

from .. import errors
from ..client.config import PROXY_TOKEN
from . import render
from .options import Environment
from .server_refs import ID, server_at

_REF = re.compile(rf"({ID.pattern}|[^/]*/[^/?#]*)(.*)", re.DOTALL)


def register(app: typer.Typer) -> None:
    # Everything after the Server belongs to curl, its options too.
    settings = {"allow_interspersed_args": False, "ignore_unknown_options": True}
    app.command(
        "curl", epilog="Example: homeport curl hello-server/Server/items -X POST -d '{}'", context_settings=settings
    )(curl)


def curl(
    context: typer.Context,
    server: Annotated[
        str,
        typer.Argument(
            metavar="SERVER[/PATH]", help="APP/SERVER or the Server's id, and what to ask it for.", show_default=False
        ),
    ],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="CURL_ARGS", help="What else curl is told.")] = None,
    env: Environment = None,
) -> None:
    """Ask a Server with curl, by its name, and exit with curl's exit code.

    Where it wants a proxy token, that of HOMEPORT_PROXY_TOKEN_ID and HOMEPORT_PROXY_TOKEN_SECRET, or proxy_token_id and
    proxy_token_secret of the profile, is sent as `Authorization`.
    """
    match = _REF.fullmatch(server)
    ref, path = (match[1], match[2]) if match else (server, "")
    program = shutil.which("curl")
    if program is None:
        raise errors.ExecutionError("curl is not installed here; install it, or ask the URL of `homeport server info`.")
    with server_at(context, ref, env) as (client, app, name):
        answer = client.server(app, name, client.target.environment)
        token = None if answer["unauthenticated"] else client.target.proxy_token
    if token is None and not answer["unauthenticated"]:
        render.warning(f"{ref} wants a proxy token, and none is set: {PROXY_TOKEN}.")
    url = answer["url"] + (path if path.startswith("/") else f"/{path}")
    raise typer.Exit(_run(program, url, arguments or [], token))


def _run(program: str, url: str, arguments: list[str], token: tuple[str, str] | None) -> int:
    """The exit code; of a curl that a signal ended, as shells say it."""
    config = os.memfd_create("curl")
    try:
        if token is not None:
            os.write(config, f'header = "Authorization: Bearer {token[0]}.{token[1]}"\n'.encode())
        argv = [program, "--config", f"/dev/fd/{config}", url, *arguments]
        code = subprocess.run(argv, pass_fds=(config,), check=False).returncode
    finally:
        os.close(config)
    return code if code >= 0 else 128 - code
