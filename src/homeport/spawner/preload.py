"""What a template has imported before anybody asks, and what of it must not be shared by its children.

Left out: whatever makes a secret or reads the machine when it is imported (multiprocessing, uuid). `random` and OpenSSL
renew themselves at a fork.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
import time

_OURS = (
    *("alias", "errors", "exception"),
    *("guest.entry", "guest.lifecycle", "guest.reaper", "guest.report", "guest.searchpath", "guest.worker"),
    *("manifest.checks", "manifest.names", "manifest.paths", "manifest.schema"),
    *("sdk.app", "sdk.class_checks", "sdk.image", "sdk.lifecycle", "sdk.markers", "sdk.options", "sdk.readers"),
    *("sdk.references", "sdk.remote", "sdk.server"),
)
_STANDARD = (
    *("abc", "argparse", "array", "ast", "asyncio", "base64", "binascii", "bisect", "calendar", "collections.abc"),
    *("concurrent.futures.thread", "configparser", "contextlib", "contextvars", "copy", "csv", "dataclasses", "datetime"),
    *("decimal", "difflib", "dis", "email.message", "email.parser", "email.policy", "email.utils", "enum", "fractions"),
    *("functools", "gettext", "glob", "gzip", "hashlib", "heapq", "hmac", "html", "http.client", "http.cookies"),
    *("http.server", "importlib.metadata", "importlib.resources", "inspect", "io", "ipaddress", "itertools", "json"),
    *("linecache", "locale", "logging", "logging.config", "logging.handlers", "math", "mimetypes", "numbers", "opcode"),
    *("operator", "os", "pathlib", "pickle", "pkgutil", "pprint", "queue", "random", "re", "secrets", "select"),
    *("selectors", "shlex", "shutil", "signal", "site", "socket", "socketserver", "ssl", "stat", "statistics", "string"),
    *("struct", "subprocess", "tempfile", "textwrap", "threading", "tokenize", "traceback", "types", "typing"),
    *("unicodedata", "urllib.parse", "urllib.request", "warnings", "weakref", "zipfile", "zlib"),
    *("encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_8", "_sitebuiltins"),
)


def standard() -> tuple[str, ...]:
    return _STANDARD


def load() -> None:
    """Imports it all; what this Python has not got is left out. Afterwards no collection touches it any more."""
    for name in (*_STANDARD, *(f"homeport.{part}" for part in _OURS)):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # its pages stay shared with all children


def names() -> list[str]:
    """The top-level modules that user code could not replace by its own any more."""
    return sorted({name.partition(".")[0] for name in sys.modules} - {"__main__", "homeport"})


def refresh() -> None:
    """In a child: what the interpreter found out at its start is found out again."""
    time.tzset()
    logging = sys.modules.get("logging")
    if logging is not None:  # since 3.13 in nanoseconds
        whole = isinstance(vars(logging).get("_startTime"), int)
        vars(logging)["_startTime"] = time.time_ns() if whole else time.time()
    if "platform" in sys.modules:
        vars(sys.modules["platform"])["_uname_cache"] = None  # has the hostname
    if "mimetypes" in sys.modules:
        vars(sys.modules["mimetypes"]).update(inited=False, _db=None)  # has what /etc/mime.types says
