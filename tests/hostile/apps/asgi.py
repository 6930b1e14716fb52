"""What uvicorn serves: it keeps every request as it understood it, and tells them at /_seen."""

from __future__ import annotations

import json
from typing import Any

SEEN: list[dict[str, Any]] = []


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    text = b"ok"
    if scope["path"] == "/_seen":
        text = json.dumps(SEEN).encode()
    else:
        headers = [[name.decode("latin-1").lower(), value.decode("latin-1")] for name, value in scope["headers"]]
        SEEN.append({"method": scope["method"], "path": scope["path"], "body": body.decode("latin-1"), "headers": headers})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(text)).encode())]})
    await send({"type": "http.response.body", "body": text})
