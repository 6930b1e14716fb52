"""`python -m homeport.daemon up|down|doctor|serve`: what the command line of `homeport` starts on the platform's machine."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .. import settings
from ..errors import Error
from ..settings import DEFAULT_DATA_DIR, Settings


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return _run(arguments)
    except Error as error:
        print(f"Error: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {error.filename or arguments.data_dir}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace) -> int:
    chosen = _settings(arguments)
    if arguments.verb == "doctor":
        return _doctor(chosen, arguments.json)
    if arguments.verb == "down":
        from .down import down

        return down(chosen)
    from .up import in_front, up

    return up(chosen, arguments.detach) if arguments.verb == "up" else in_front(chosen)


def _doctor(chosen: Settings, as_json: bool) -> int:
    from ..store.lock import holder
    from . import preflight

    running = holder(chosen.data_dir / "lock") is not None
    found = preflight.checks(preflight.Plan(chosen, running))
    print(preflight.to_json(found) if as_json else preflight.render(found))
    return 0 if all(check.ok for check in found) else 1


def _settings(arguments: argparse.Namespace) -> Settings:
    names = ("api_port", "http_port")
    data_dir = Path(arguments.data_dir).absolute()
    chosen: dict[str, object] = {name: getattr(arguments, name, None) for name in names}
    return settings.load(data_dir, {**chosen, "log_format": os.environ.get("HOMEPORT_LOG") or None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="homeport", description="The platform on this machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    data_dir = os.environ.get("HOMEPORT_DATA_DIR") or str(DEFAULT_DATA_DIR)
    for verb in ("up", "down", "doctor", "serve"):
        words = verbs.add_parser(verb)
        words.add_argument("--data-dir", default=data_dir)
        words.add_argument("--api-port", type=int)
        words.add_argument("--http-port", type=int)
        if verb == "up":
            words.add_argument("--detach", action="store_true")
        if verb == "doctor":
            words.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
