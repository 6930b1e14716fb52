"""What a browser sees that was sent to the API. Owns that page: until there are pages of Apps, it says where they are shown.

A deploy ends with the address of its App, and people open it; without a token they would get an error meant for programs.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse

from ..manifest.names import is_app_id

_HEADERS = {"WWW-Authenticate": "Bearer", "Content-Security-Policy": "default-src 'none'", "Vary": "Accept"}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>homeport</title></head>
<body><h1>homeport</h1>
<p>This address is for programs that have a token. Pages for browsers are not there yet; what they would show, these
commands show in a terminal:</p>
<pre>{commands}</pre>
</body></html>
"""


def is_browser(request: Request) -> bool:
    """Whether a person looks: a browser asks for HTML, and has no token to send."""
    wants_page = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
    return wants_page and "authorization" not in request.headers


def page(path: str) -> HTMLResponse:
    """It names what `path` names only if that is an App's id, so nothing of it has to be escaped."""
    app = next((part for part in path.split("/") if is_app_id(part)), "")
    commands = [f"homeport app {verb} {app}" for verb in ("info", "history", "logs")] if app else ["homeport app list"]
    return HTMLResponse(_PAGE.format(commands="\n".join([*commands, "homeport status"])), 401, _HEADERS)
