"""The entry point of every container: `python3 -I -S .../homeport/guest/main.py`. Owns the split into PID 1 and the worker.

Python does not cache the bytecode of a script, so this file stays small and the rest is imported. Configured by the
environment (HOMEPORT_GUEST_MODULE, HOMEPORT_GUEST_PATH, HOMEPORT_GUEST_CLASS); `--root DIR` stands in for `/root` in tests.
"""

import sys


def main() -> None:
    """PID 1 leaves with the exit code of the worker, without the time that a dying interpreter takes to tidy up."""
    lib = __file__.rsplit("/", 3)[0]
    sys.path.insert(0, lib)
    from homeport.guest import reaper

    reaper.leave(reaper.run(lambda wake_fd: _work(lib, wake_fd)))


def _work(lib: str, wake_fd: int) -> int:
    from homeport.guest import worker
    from homeport.guest.entry import Entry

    root = sys.argv[2] if sys.argv[1:2] == ["--root"] else "/root"
    return worker.run(Entry.from_environment(root, lib), wake_fd)


if __name__ == "__main__":
    main()
