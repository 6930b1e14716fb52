"""What gunicorn serves: it keeps every request as it understood it, and tells them at /_seen."""

from __future__ import annotations

import json
from typing import Any

SEEN: list[dict[str, Any]] = []


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read()
    text = b"ok"
    if environ["PATH_INFO"] == "/_seen":
        text = json.dumps(SEEN).encode()
    else:
        named = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        SEEN.append(
            {
                "method": environ["REQUEST_METHOD"],
                "path": environ["PATH_INFO"],
                "body": body.decode("latin-1"),
                "headers": [list(pair) for pair in named.items()],
            }
        )
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]
