"""`homeport image`: images by themselves, as they are built, named and explained (semantics 5.18). Decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import errors
from . import render, text
from .connect import connected
from .options import Environment, Json
from .screen import uploading

if TYPE_CHECKING:
    from ..client.http import Client
    from ..sdk.image import Image

group = typer.Typer(help="Images: build, name and look into them.", no_args_is_help=True, rich_markup_mode=None)

HEADERS = ("Name", "Image", "Published at", "Published by")

Tag = Annotated[str, typer.Option("-t", "--tag", metavar="NAME[:TAG]", help="Name to publish the image as.")]
OptionalTag = Annotated[
    str | None,
    typer.Option("-t", "--tag", metavar="NAME[:TAG]", help="Name to publish it as. [default: last part of the reference]"),
]


@group.command("logs", epilog="Example: homeport image logs im-4vK2mQ0aXbC1dE9fGh7iJk")
def logs(
    context: typer.Context,
    image_id: Annotated[str, typer.Argument(metavar="IMAGE", help="Id of an image (im-…), as builds show it.")],
    as_json: Json = False,
) -> None:
    """Show the log of an image's last build, also of a failed one. With --json, each line is a JSON value."""
    with connected(context) as client:
        for event in client.image_logs(image_id):
            if event.name == "build":
                render.json_line(event.data) if as_json else render.out(str(event.data["line"]))


@group.command("names", epilog="Example: homeport image names --json")
def names(context: typer.Context, as_json: Json = False) -> None:
    """List the names that were given to images, for `Image.from_name`."""
    with connected(context) as client:
        found = client.image_names()
    if as_json:
        render.value(found)
        return
    rows = [(each["name"], each["image_id"], text.local_time(each["published_at"]), each["published_by"]) for each in found]
    render.table("Images", HEADERS, rows)


@group.command("build", epilog="Example: homeport image build -t tools:v1 ./tools")
def build(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with a Dockerfile.")],
    tag: Tag,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """Build the Dockerfile of a folder, with the folder as its context, and give the image a name."""
    from ..sdk.image import Image

    dockerfile = directory / "Dockerfile"
    if not dockerfile.is_file():
        raise errors.InvalidError(f"There is no Dockerfile in {directory}.")
    with connected(context, environment) as client:
        _build(client, Image.from_dockerfile(dockerfile, context_dir=directory), tag, as_json)


@group.command("pull", epilog="Example: homeport image pull python:3.12-slim -t base")
def pull(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="An image in a registry, as python:3.12-slim.")],
    tag: OptionalTag = None,
    as_json: Json = False,
) -> None:
    """Pull an image from a registry, anew if it is there, and give it a name."""
    from ..sdk.image import Image

    image = Image.from_registry(reference, force_build=True)
    with connected(context) as client:
        _build(client, image, tag or reference.partition("@")[0].rpartition("/")[2], as_json)


def _build(client: Client, image: Image, name: str, as_json: bool) -> None:
    from ..sdk import events, image_build

    with render.Progress() as progress:
        progress.now("Building")
        for event in image_build.follow(image, name, client.environment, client):
            match event:
                case events.Uploading():
                    progress.part(uploading(event), event.bytes_sent, event.size_bytes)
                case events.BuildLine(line):
                    progress.line(line)
                case events.Built(image_id, published):
                    progress.stop()
                    answer = {"image_id": image_id, "name": published}
                    render.done(answer, as_json, f"✓ Image {published} is {image_id}.")
