"""The control plane's own log: lines of text for people, or JSON, one object a line. Owns its form; says nothing itself."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

JSON = "json"
FIELDS = ("app_id", "container_id", "service_id", "exit_code", "requests_cut")


class JsonLines(logging.Formatter):
    """time (UTC), level, logger, message; ids and numbers where they are known; the traceback of an error."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said: dict[str, object] = {"time": at, "level": record.levelname.lower(), "logger": record.name}
        said["message"] = record.getMessage()
        said |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


def configure(wanted: str) -> None:
    """Everything that is logged in this process goes to stderr from now on, in the form `wanted`."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if wanted == JSON else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
