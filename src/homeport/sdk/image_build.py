"""One image by itself, sent and built: for `Image.build`, `Image.publish` and `homeport image`. Never imported inside
containers. Tells what happens as events; shows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import ConnectionError, InvalidError  # noqa: A004 - the public API's name for it
from ..manifest import codec
from . import uploads
from .connect import session
from .events import BuildLine, Built, Uploading
from .remote import is_local
from .resolve import PlatformResolver

if TYPE_CHECKING:
    from ..client.http import Client
    from .image import Image

ImageEvent = Uploading | BuildLine | Built


def follow(image: Image, name: str | None, environment: str, client: Client) -> Iterator[ImageEvent]:
    """Sends what the platform lacks, and builds; the last event is `Built`. name: what it is published as, if at all.

    Raises what the resolver and the upload raise, ImageBuildError, and what the platform reports.
    """
    resolver = PlatformResolver(client, environment)
    recipe = image._recipe(resolver)
    yield from uploads.send(client, resolver.trees)
    for event in client.build_image(codec.recipe_to_json(recipe), name):
        if event.name == "build":
            yield BuildLine(str(event.data["line"]))
        if event.name == "built":
            yield Built(str(event.data["image_id"]), str(event.data.get("name") or ""))
            return
    raise ConnectionError("The platform ended the build without an outcome; see its log.")


def build(image: Image, name: str | None, environment_name: str | None, client: Client | None) -> Built:
    """`follow` without anybody watching. Raises as it does, and InvalidError inside a container."""
    if not is_local():
        raise InvalidError("An image can't be built from inside a container; build it where you deploy.")
    with session(client, environment_name) as (connected, environment):
        for event in follow(image, name, environment, connected):
            if isinstance(event, Built):
                return event
    raise ConnectionError("The platform ended the build without an outcome; see its log.")
