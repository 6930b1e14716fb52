"""Names that people gave to images (`NAME:TAG`), and which image each means now. Owns names.json; builds nothing."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import InvalidError
from ..runtime import durable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}[A-Za-z0-9]|[A-Za-z0-9]")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class PublishedName:
    """`name` has its tag. `image_id` is the storage's, `build` the `im-…` that it was built as."""

    name: str
    image_id: str
    build: str
    published_at_ms: int
    published_by: str = ""


def full_name(text: str) -> str:
    """With its tag. Raises InvalidError for what can't be one."""
    name, colon, tag = text.partition(":")
    tag = tag if colon else LATEST
    if not _NAME.fullmatch(name) or not _TAG.fullmatch(tag):
        raise InvalidError(
            f"{text!r} can't be the name of an image; write letters, digits, dashes and dots, as in 'tools:v1'."
        )
    return f"{name}:{tag}"


class PublishedNames:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = _load(path)

    def get(self, name: str) -> PublishedName | None:
        return self._names.get(full_name(name))

    def all(self) -> list[PublishedName]:
        return sorted(self._names.values(), key=lambda each: each.name)

    def put(self, published: PublishedName) -> None:
        """Raises OSError with nothing changed."""
        names = {**self._names, published.name: published}
        body = {"schema": 1, "names": [asdict(each) for each in names.values()]}
        durable.write(self._path, json.dumps(body, indent=1).encode())
        self._names = names

    def holds(self, image_id: str) -> bool:
        return any(each.image_id == image_id for each in self._names.values())


def _load(path: Path) -> dict[str, PublishedName]:
    """Raises InvalidError for a file that was damaged: unlike the index, it can't be made again."""
    try:
        found = [PublishedName(**entry) for entry in json.loads(path.read_text())["names"]]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{path} is damaged ({error}); restore it, or delete it and publish the images again.") from None
    return {each.name: each for each in found}
