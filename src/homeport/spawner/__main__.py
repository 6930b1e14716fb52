"""`python -m homeport.spawner --data-dir DIR`, or by the path of this file (also with -I -S). Runs until SIGTERM."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gc
import os
import sys

if not __package__:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from homeport.spawner import cdi, machine, process, sweep, syscalls, wire
from homeport.spawner.server import Server


def main() -> int:
    """Exit code 1 and one line when it cannot run here."""
    parser = argparse.ArgumentParser(prog="homeport-spawner", description="Starts containers for homeport. Needs root.")
    parser.add_argument("--data-dir", required=True)
    words = "where devices are described; may be given again"
    parser.add_argument("--cdi-dir", action="append", default=[], metavar="DIR", help=words)
    asked = parser.parse_args()
    data_dir, cdi_dirs = os.path.realpath(asked.data_dir), tuple(asked.cdi_dir) or cdi.DIRECTORIES
    os.umask(0o022)
    try:
        os.makedirs(f"{data_dir}/run", 0o700, exist_ok=True)
        lock = _lock(data_dir)
        if lock is None:
            print(f"homeport spawner: one runs already for {data_dir} ({_other(data_dir)})", file=sys.stderr)
            return 1
        _run(data_dir, cdi_dirs)
    except OSError as error:
        print(f"homeport spawner: {error}", file=sys.stderr)
        return 1
    return 0


def _run(data_dir: str, cdi_dirs: tuple[str, ...]) -> None:
    syscalls.set_process_name("homeport-spawn")
    findings = machine.examine(data_dir, cdi_dirs)
    for line in sweep.sweep(findings.host):
        print(f"homeport spawner: {line}", file=sys.stderr, flush=True)
    socket_path, about_path = f"{data_dir}/run/spawner.sock", f"{data_dir}/run/spawner.json"
    wire.write_json(about_path, {"pid": os.getpid(), "start": process.start_time(os.getpid())}, durable=False)
    gc.collect()
    gc.freeze()  # forked shims share these pages as long as the collector does not touch them
    try:
        Server(findings, socket_path).run()
    finally:
        for path in (socket_path, about_path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _lock(data_dir: str) -> int | None:
    """None when another spawner holds it. Never closed: it goes with the process."""
    fd = os.open(f"{data_dir}/run/spawner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return fd


def _other(data_dir: str) -> str:
    about = wire.read_json(f"{data_dir}/run/spawner.json")
    return f"pid {about['pid']}" if about else "it is just starting"


if __name__ == "__main__":
    sys.exit(main())
