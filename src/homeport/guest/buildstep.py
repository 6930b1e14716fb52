"""A function that runs while an image is built: `python3 -I -S .../homeport/guest/buildstep.py`, configured as `main.py` is.

Owns calling it with its arguments and showing its traceback. What it leaves in the file system is the layer.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

ARGUMENTS = "/opt/homeport/arguments"


def main() -> None:
    lib = __file__.rsplit("/", 3)[0]
    sys.path.insert(0, lib)
    from homeport.guest.entry import Entry

    entry = Entry.from_environment("/root", lib)
    try:
        entry.prepare()
        found = entry.find()
        function: Any = getattr(found, "_user_function", found)
        args, kwargs = _arguments()
        result: Any = function(*args, **kwargs)
        if hasattr(result, "__await__"):
            import asyncio

            asyncio.run(_complete(result))
    except Exception as error:
        from homeport.guest import report

        sys.stderr.write(report.text(error, lib))
        sys.exit(1)


def _arguments() -> tuple[tuple[object, ...], dict[str, object]]:
    with open(ARGUMENTS) as file:
        text = file.read()
    if not text:
        return (), {}
    import base64
    import pickle

    args, kwargs = pickle.loads(base64.b64decode(text))
    return args, kwargs


async def _complete(awaitable: Awaitable[object]) -> object:
    return await awaitable


if __name__ == "__main__":
    main()
