"""What a Dockerfile of the user's asks of this machine: whether it takes files from its context, and which. Never imported
in containers.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InvalidError
from .layer import Context, Layer, read
from .local import matcher
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

    Raises InvalidError for what is not a folder.
    """
    if context_dir is not None and not isinstance(context_dir, str | Path):
        raise InvalidError(f"`context_dir` must be a path, not {context_dir!r}.")
    folder = Path(context_dir or ".").expanduser().absolute()
    if not folder.is_dir():
        raise InvalidError(f"The build context {folder} is not a folder.")
    ignored = matcher(ignore) if ignore is not None else matcher(_patterns(folder, dockerfile))
    return (("", LocalFiles(folder, ignored)),)


def layer_of(path: object, context_dir: object, ignore: object, build_args: tuple[tuple[str, str], ...]) -> Layer:
    """A whole Dockerfile as the first layer of an image. Raises InvalidError if it can't be read."""
    if not isinstance(path, str | Path):
        raise InvalidError(f"`from_dockerfile` takes a path on this machine, not {path!r}.")
    local = Path(path).expanduser().absolute()
    text = read(local, "Dockerfile")
    contexts = (context_of(context_dir, ignore, local),) if needs_context(text) else ()
    return Layer("from_dockerfile", (text,), contexts, build_args)


def _patterns(folder: Path, dockerfile: Path | None) -> list[str]:
    candidates = [folder / ".dockerignore"]
    if dockerfile is not None:
        candidates.insert(0, dockerfile.with_name(f"{dockerfile.name}.dockerignore"))
    for candidate in candidates:
        if candidate.is_file():
            lines = (line.strip() for line in read(candidate, ".dockerignore").splitlines())
            return [line for line in lines if line and not line.startswith("#")]
    return []
