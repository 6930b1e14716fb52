"""`homeport up`, `down`, `status`, `doctor`: the platform itself. The daemon does the work; this finds and asks it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.models import OptionInfo

from .. import errors
from . import render, text
from .connect import connected
from .options import DataDir, Globals, Json

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_API_PORT = 7300
DEFAULT_HTTP_PORT = 8080
LOCAL = ("up", "down", "doctor")  # commands about this machine, which no profile names


def _port(what: str, default: int) -> OptionInfo:
    help_text = f"{what} [default: {default}]"
    option: OptionInfo = typer.Option(min=1, max=65535, show_default=False, metavar="PORT", help=help_text)
    return option


ApiPort = Annotated[int | None, _port("Port of the API.", DEFAULT_API_PORT)]
HttpPort = Annotated[int | None, _port("Port of the Servers' URLs.", DEFAULT_HTTP_PORT)]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: homeport up --detach")(up)
    app.command(epilog="Example: homeport down")(down)
    app.command(epilog="Example: homeport status --json")(status)
    app.command(epilog="Example: homeport doctor")(doctor)


def up(
    context: typer.Context,
    data_dir: DataDir = None,
    api_port: ApiPort = None,
    http_port: HttpPort = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready, and leave it running.")] = False,
) -> None:
    """Start the platform on this machine: control plane and router."""
    _needs_server_extra()
    argv = daemon_argv("up", _data_dir(context, data_dir), {"--api-port": api_port, "--http-port": http_port})
    if not detach:
        _become(argv)
    import subprocess

    raise typer.Exit(subprocess.call([*argv, "--detach"]))


def down(context: typer.Context, data_dir: DataDir = None) -> None:
    """Stop the platform on this machine."""
    _needs_server_extra()
    _become(daemon_argv("down", _data_dir(context, data_dir)))


def doctor(context: typer.Context, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Check what this machine has and lacks for running the platform."""
    _needs_server_extra()
    _become(daemon_argv("doctor", _data_dir(context, data_dir)) + (["--json"] if as_json else []))


def status(context: typer.Context, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the platform: its processes, URLs, and what it runs."""
    try:
        with connected(context, data_dir=data_dir) as client:
            answer = client.status()
    except errors.ConnectionError as error:
        _not_answering(error, _data_dir(context, data_dir), as_json)
        raise typer.Exit(1) from None
    if as_json:
        render.value(answer)
        return
    for line in status_lines(answer):
        render.out(line)


def daemon_argv(verb: str, data_dir: str | None, options: Mapping[str, object] | None = None) -> list[str]:
    """The command line of the daemon; only what was asked for is passed on, so its defaults stay its own."""
    argv = [sys.executable, "-m", "homeport.daemon", verb]
    for name, value in {"--data-dir": data_dir, **(options or {})}.items():
        if value is not None:
            argv += [name, str(value)]
    return argv


def status_lines(answer: Mapping[str, Any]) -> list[str]:
    control, router, spawner = answer["control_plane"], answer["router"], answer["spawner"]
    return text.pairs(
        [
            ("Version", f"{answer['version']} · since {text.local_time(answer['started_at'])}"),
            ("Workspace", f"{answer['workspace']} · domain {answer['domain']}"),
            ("Control plane", f"{control['url']} · pid {control['pid']}"),
            ("Router", f"{router['url']} · pid {router['pid']} · {router['state']}"),
            ("Spawner", f"pid {spawner['pid']} · {spawner['state']}{_backends(spawner.get('backends'))}"),
            ("Data dir", str(answer["data_dir"])),
            ("Apps", str(answer["apps"])),
            ("Containers", str(answer["containers"])),
        ]
    )


def processes(run_dir: Path) -> list[dict[str, Any]]:
    """What the files in the platform's run directory name, as `{name, pid, running}`; nothing where they can't be read."""
    found: list[dict[str, Any]] = []
    try:
        files = sorted(run_dir.glob("*.json"))
    except OSError:
        return found
    for file in files:
        try:
            record = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(record, dict) and isinstance(record.get("pid"), int):
            name = "control plane" if file.stem == "platform" else file.stem
            found.append({"name": name, "pid": record["pid"], "running": _runs(record)})
    return found


def _needs_server_extra() -> None:
    import importlib.util

    if importlib.util.find_spec("fastapi") is None:
        raise errors.PlatformError(
            "This installation can deploy, but not run a platform; for the rest run `make setup` in homeport's clone."
        )


def _data_dir(context: typer.Context, data_dir: str | None) -> str | None:
    return data_dir or Globals.of(context).data_dir or os.environ.get("HOMEPORT_DATA_DIR")


def _become(argv: Sequence[str]) -> None:
    """The daemon takes over this process: its signals, output and exit code are then simply its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(argv[0], list(argv))


def _not_answering(error: errors.Error, data_dir: str | None, as_json: bool) -> None:
    from ..client.config import DEFAULT_DATA_DIR

    place = Path(data_dir) if data_dir else DEFAULT_DATA_DIR
    elsewhere = data_dir is None and bool(os.environ.get("HOMEPORT_SERVER_URL"))
    found = [] if elsewhere else processes(place / "run")
    if as_json:
        render.value({"ok": False, "error": error.message, "data_dir": str(place), "processes": found})
    render.error(error.message)
    for process in found:
        render.note(f"{process['name']}: pid {process['pid']} {'is running' if process['running'] else 'has ended'}")


def _runs(record: Mapping[str, Any]) -> bool:
    """Whether the process lives; where the record has a start time, a process that got its number later does not count."""
    try:
        stat = Path(f"/proc/{record['pid']}/stat").read_text()
    except OSError:
        return False
    state, started = (fields := stat.rpartition(")")[2].split())[0], fields[19]
    return state != "Z" and str(record.get("start", started)) == started


def _backends(given: object) -> str:
    names = sorted(given) if isinstance(given, dict) else given if isinstance(given, list) else []
    return f" · {', '.join(map(str, names))}" if names else ""
