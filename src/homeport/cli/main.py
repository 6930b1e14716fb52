"""The command `homeport`: its groups of verbs, its global options, and what an error looks like.

Exit codes: 0 done, 1 it failed (one line `Error: …` on stderr), 2 the command line was wrong, 130 interrupted;
`container exec` passes on the code of the command. A traceback is only shown with HOMEPORT_TRACEBACK=1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from .. import errors
from . import (
    apps,
    audit,
    containers,
    curl,
    deploy,
    dicts,
    environments,
    garbage,
    images,
    metrics,
    plan,
    platform,
    queues,
    redeploy,
    render,
    secrets,
    server_deploy,
    servers,
    tokens,
    traffic,
    volume_transfer,
    volumes,
    workspace,
)
from .options import DataDir, Globals, Profile, with_profile

_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="homeport",
    help="Serverless for machines you own.",
    epilog="Start with: homeport up, then homeport deploy app.py",
    context_settings=_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
platform.register(app)
deploy.register(app)
redeploy.register(apps.group)
server_deploy.register(servers.group)
traffic.register(servers.group, apps.group)
metrics.register(servers.group)
app.add_typer(apps.group, name="app")
app.add_typer(audit.group, name="audit")
app.add_typer(containers.group, name="container")
app.add_typer(servers.group, name="server")
app.add_typer(environments.group, name="environment")
volume_transfer.register(volumes.group)
app.add_typer(volumes.group, name="volume")
app.add_typer(images.group, name="image")
app.add_typer(secrets.group, name="secret")
app.add_typer(dicts.group, name="dict")
app.add_typer(queues.group, name="queue")
app.add_typer(workspace.group, name="workspace")
app.add_typer(tokens.group, name="token")
curl.register(app)
garbage.register(app)
with_profile(app, without=platform.LOCAL)


def main() -> None:
    """The entry point of the distribution."""
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Carries out one command line, without the program's name; returns the exit code. Prints every error itself."""
    render.prepare_streams()
    try:
        code = app(args=list(argv), prog_name="homeport", standalone_mode=False)
    except KeyboardInterrupt:
        return 130
    except typer.Abort:
        render.note("Aborted.")
        return 1
    except Exception as error:
        return plan.error_code(argv, _failed(error))
    return code if isinstance(code, int) else 0


def _print_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        render.out(f"homeport {__version__}")
        raise typer.Exit(0)


Version = Annotated[bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)]


@app.callback()
def global_options(
    context: typer.Context, data_dir: DataDir = None, profile: Profile = None, version: Version = False
) -> None:
    context.obj = Globals(data_dir, profile)


def _failed(error: Exception) -> int:
    if isinstance(error, errors.Error):
        return _report(error)
    return _usage(error) if _is_usage(error) else _unexpected(error)


def _report(error: errors.Error) -> int:
    """A mistake, or a failure that was foreseen: the user's own traceback if there is one, and one line."""
    if os.environ.get("HOMEPORT_TRACEBACK"):
        _print_traceback(error)
    trace = str(getattr(error, "traceback_text", ""))
    if trace:
        render.note(trace.rstrip("\n"))
    render.error(error.message)
    return 2 if isinstance(error, errors.UsageError) else 1


def _is_usage(error: Exception) -> bool:
    # Typer brings its own copy of click or uses the real one, by its version; their base class is only reachable like this.
    return any(kind.__name__ == "ClickException" for kind in type(error).__mro__)


def _usage(error: Exception) -> int:
    said = error.format_message() if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == "NoArgsIsHelpError":
        render.note(said)
        return 2
    command = getattr(getattr(error, "ctx", None), "command_path", "homeport")
    render.error(f"{' '.join(said.split()).rstrip('.')}. Try '{command} --help'.")
    return 2


def _unexpected(error: Exception) -> int:
    """A bug of ours: where it happened, and how to see all of it."""
    if os.environ.get("HOMEPORT_TRACEBACK"):
        _print_traceback(error)
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    said = " ".join(str(error).split())
    render.error(
        f"unexpected {type(error).__name__}{f': {said}' if said else ''}{where}. "
        "This is a bug in homeport; HOMEPORT_TRACEBACK=1 shows all of it."
    )
    return 1


def _print_traceback(error: Exception) -> None:
    import traceback

    render.note("".join(traceback.format_exception(error)).rstrip("\n"))
