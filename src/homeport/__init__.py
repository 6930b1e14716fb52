"""homeport: serverless for machines you own. The public names, and nothing else.

Importing this package does no I/O and loads nothing: each name is loaded when it is first used (PEP 562), because
containers pay for every import at every cold start.
"""

from __future__ import annotations

# As `typing.TYPE_CHECKING`, without importing `typing`, which takes longer than the rest of the SDK.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import exception
    from .client.http import Client
    from .errors import Error
    from .file_pattern_matcher import FilePatternMatcher
    from .sdk.app import App
    from .sdk.cloud_bucket import CloudBucketMount
    from .sdk.dict import Dict
    from .sdk.image import Image
    from .sdk.lifecycle import enter, exit  # noqa: A004 - the public API's name for it
    from .sdk.markers import (
        asgi_app,
        batched,
        clustered,
        concurrent,
        fastapi_endpoint,
        method,
        parameter,
        sessioned,
        web_server,
        wsgi_app,
    )
    from .sdk.queue import Queue
    from .sdk.references import Proxy
    from .sdk.remote import is_local
    from .sdk.secret import Secret
    from .sdk.server import Server
    from .sdk.volume import Volume

__version__ = "0.1.0"

__all__ = [
    "App",
    "Client",
    "CloudBucketMount",
    "Dict",
    "Error",
    "FilePatternMatcher",
    "Image",
    "Proxy",
    "Queue",
    "Secret",
    "Server",
    "Volume",
    "__version__",
    "asgi_app",
    "batched",
    "clustered",
    "concurrent",
    "enter",
    "exception",
    "exit",
    "fastapi_endpoint",
    "is_local",
    "method",
    "parameter",
    "sessioned",
    "web_server",
    "wsgi_app",
]

_HOMES = {
    "App": "sdk.app",
    "Client": "client.http",
    "CloudBucketMount": "sdk.cloud_bucket",
    "Dict": "sdk.dict",
    "Error": "errors",
    "FilePatternMatcher": "file_pattern_matcher",
    "Image": "sdk.image",
    "Proxy": "sdk.references",
    "Queue": "sdk.queue",
    "Secret": "sdk.secret",
    "Server": "sdk.server",
    "Volume": "sdk.volume",
    "asgi_app": "sdk.markers",
    "batched": "sdk.markers",
    "clustered": "sdk.markers",
    "concurrent": "sdk.markers",
    "enter": "sdk.lifecycle",
    "exit": "sdk.lifecycle",
    "fastapi_endpoint": "sdk.markers",
    "is_local": "sdk.remote",
    "method": "sdk.markers",
    "parameter": "sdk.markers",
    "sessioned": "sdk.markers",
    "web_server": "sdk.markers",
    "wsgi_app": "sdk.markers",
}


def __getattr__(name: str) -> object:
    import sys

    home = f"{__name__}.exception" if name == "exception" else f"{__name__}.{_HOMES[name]}" if name in _HOMES else ""
    if not home:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    __import__(home)
    module = sys.modules[home]
    value: object = module if name == "exception" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
