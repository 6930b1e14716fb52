"""What a Dockerfile of the user's asks of this machine: whether it takes files from its context, and which. Never imported
in containers.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InvalidError
from .ignore import ignored, of_dockerfile
from .layer import Context, Layer, read
from .needs import LocalFiles

_TAKES_FILES = re.compile(
    r"^\s*(?:(?:COPY|ADD)\s+(?!.*--from=)|RUN\s+(?:--\S+\s+)*?--mount=(?!\S*\bfrom=|\S*\btype=(?!bind\b)))",
    re.IGNORECASE | re.MULTILINE,
)


def needs_context(text: str) -> bool:
    """Whether any COPY, ADD or bind mount takes local files."""
    return bool(_TAKES_FILES.search(text.replace("\\\n", " ")))


def context_of(context_dir: object, ignore: object, dockerfile: Path | None = None) -> Context:
    """The folder that COPY takes files from. ignore None: what the .dockerignore of the Dockerfile or the folder says.

    Raises InvalidError for what is not a folder, and for patterns that can't be read.
    """
    if context_dir is not None and not isinstance(context_dir, str | Path):
        raise InvalidError(f"`context_dir` must be a path, not {context_dir!r}.")
    folder = Path(context_dir or ".").expanduser().absolute()
    if not folder.is_dir():
        raise InvalidError(f"The build context {folder} is not a folder.")
    left_out = ignored(ignore) if ignore is not None else of_dockerfile(dockerfile, folder)
    return (("", LocalFiles(folder, left_out)),)


def layer_of(path: object, context_dir: object, ignore: object, build_args: tuple[tuple[str, str], ...]) -> Layer:
    """A whole Dockerfile as the first layer of an image. Raises InvalidError if it can't be read."""
    if not isinstance(path, str | Path):
        raise InvalidError(f"`from_dockerfile` takes a path on this machine, not {path!r}.")
    local = Path(path).expanduser().absolute()
    text = read(local, "Dockerfile")
    if not text.strip():
        raise InvalidError(f"The Dockerfile {local} is empty.")
    contexts = (context_of(context_dir, ignore, local),) if needs_context(text) else ()
    return Layer("from_dockerfile", (text,), contexts, build_args)
