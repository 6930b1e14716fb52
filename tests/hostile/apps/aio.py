"""What aiohttp serves on the port given: it keeps every request as it understood it, and tells them at /_seen."""

from __future__ import annotations

import sys
from typing import Any

from aiohttp import web

SEEN: list[dict[str, Any]] = []


async def answer(request: web.Request) -> web.Response:
    if request.path == "/_seen":
        return web.json_response(SEEN)
    body = await request.read()
    headers = [[name.lower(), value] for name, value in request.headers.items()]
    SEEN.append({"method": request.method, "path": request.path, "body": body.decode("latin-1"), "headers": headers})
    return web.Response(text="ok")


if __name__ == "__main__":
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, keepalive_timeout=600)
