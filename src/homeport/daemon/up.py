"""`up`: look whether this machine can, start the control plane in front or behind, and say where everything is."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from ..errors import ConflictError, PlatformError
from ..runtime.processes import ProcessId, alive, identify
from ..settings import Settings
from ..store.datadir import open_data_dir
from ..store.lock import holder
from . import ownlog, preflight
from .compose import place_file, serve

READY_LIMIT_S = 60.0
POLL_S = 0.02


def up(settings: Settings, detach: bool) -> int:
    """Returns the exit code. Raises an `Error` in words for what stands in the way."""
    _refuse_second(settings)
    running = _router_runs(settings.data_dir)
    found = preflight.checks(preflight.Plan(settings, running))
    if not all(check.ok for check in found):
        print(preflight.render(found), file=sys.stderr)
        return 1
    return _in_background(settings) if detach else in_front(settings)


def in_front(settings: Settings) -> int:
    ownlog.configure(settings.log_format)
    asyncio.run(_run(settings))
    print(
        "The control plane has ended; containers and router go on. `homeport up` takes over again, `homeport down` ends all."
    )
    return 0


async def _run(settings: Settings) -> None:
    ready = asyncio.Event()
    serving = asyncio.create_task(serve(settings, ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if ready.is_set():
        print(summary(settings), flush=True)
    waiting.cancel()
    await serving


def summary(settings: Settings) -> str:
    pattern = settings.server_url(f"{settings.workspace}--APP-SERVER.REGION.{settings.domain}")
    return "\n".join(
        [
            "✓ homeport is up.",
            f"  API       {settings.api_url}",
            f"  Servers   {pattern}",
            f"  Data      {settings.data_dir}",
            "  Next      homeport deploy FILE · homeport status · homeport down",
        ]
    )


def _in_background(settings: Settings) -> int:
    """The same command once more without a terminal; returns when it answers, or says why it does not."""
    log = open_data_dir(settings.data_dir).root / "logs" / "control-plane.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "homeport.daemon", "serve", *_options(settings)]
    with open(log, "ab") as out:
        start = log.stat().st_size
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/", env=dict(os.environ)
        )
    end = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < end:
        if child.poll() is not None:
            raise PlatformError(_last_words(log, start))
        if _announced(settings.data_dir, child.pid):
            print(f"{summary(settings)}\n  Log       {log}")
            return 0
        time.sleep(POLL_S)
    raise PlatformError(f"The control plane (pid {child.pid}) did not answer in {READY_LIMIT_S:.0f} s; see {log}.")


def _options(settings: Settings) -> list[str]:
    pairs = {"data-dir": settings.data_dir, "api-port": settings.api_port, "http-port": settings.http_port}
    return [word for name, value in pairs.items() for word in (f"--{name}", str(value))]


def _announced(data_dir: Path, pid: int) -> bool:
    try:
        return bool(json.loads(place_file(data_dir).read_bytes()).get("pid") == pid)
    except (OSError, ValueError):
        return False


def _last_words(log: Path, start: int) -> str:
    with open(log, "rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").strip().splitlines()
    said = lines[-1].removeprefix("Error: ") if lines else ""
    return said or f"The control plane ended at once and said nothing; see {log}."


def _refuse_second(settings: Settings) -> None:
    first = holder(settings.data_dir / "lock")
    if first is not None:
        raise ConflictError(
            f"A platform is running in {settings.data_dir} already: pid {first.pid}, {first.api_url}. "
            "Use it, end it with `homeport down`, or choose another --data-dir."
        )


def _router_runs(data_dir: Path) -> bool:
    """Our own router may serve while the control plane is away; its port is taken by right."""
    try:
        said = json.loads((data_dir / "router" / "supervisor.json").read_bytes())
        process = ProcessId(int(said["pid"]), int(said["start"]))
    except (OSError, ValueError, KeyError):
        return False
    return identify(process.pid) == process and alive(process)
