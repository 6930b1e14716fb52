"""Images through the API: building one, the names, and what a build said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from homeport.control.builds import Builds
from homeport.control.preparing import Preparing
from homeport.errors import NotFoundError
from homeport.images.published import PublishedName
from homeport.manifest.schema import ImageRecipe
from homeport.ports import Image
from homeport.testing.images import FakeImages

from .client import Client
from .fakes import FakePlatform

BUILD = "im-" + "a" * 22
RECIPE = {"steps": [{"method": "run_commands", "lines": ["RUN a"]}]}


class Shelf(FakeImages):
    """With names and logs."""

    def __init__(self) -> None:
        super().__init__(broken=["RUN broken"])
        self.published: list[PublishedName] = []

    def build_of(self, recipe: ImageRecipe) -> str:
        return BUILD

    async def publish(self, image: Image, build: str, name: str, actor: str) -> PublishedName:
        self.published.append(PublishedName(name, image.image_id, build, 1_700_000_000_000, actor))
        return self.published[-1]

    def names(self) -> list[PublishedName]:
        return self.published

    def log(self, build: str) -> Iterator[str]:
        if build != BUILD:
            raise NotFoundError(f"There is no log of image {build}.")
        yield from (f"line {number}" for number in range(1200))


@pytest.fixture
def shelf(platform: FakePlatform) -> Shelf:
    made = Shelf()
    platform.builds = Builds(made, Preparing())
    return made


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.split("\n") for block in text.strip().split("\n\n") if block.startswith("event:")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_a_build_tells_its_lines_and_gives_the_image_its_name(client: Client, shelf: Shelf) -> None:
    response = client.post("/v1/images/build", json={"recipe": RECIPE, "name": "tools"})
    assert events(response.text) == [
        ("build", {"line": "STEP 2/2: RUN a"}),
        ("built", {"image_id": BUILD, "name": "tools:latest", "python_version": "3.11"}),
    ]
    assert client.get("/v1/images/names").json() == {
        "names": [
            {
                "name": "tools:latest",
                "image_id": BUILD,
                "published_at": "2023-11-14T22:13:20.000Z",
                "published_by": shelf.published[0].published_by,
            }
        ]
    }
    assert shelf.published[0].published_by


def test_a_build_that_fails_gives_no_name(client: Client, shelf: Shelf) -> None:
    recipe = {"steps": [{"method": "run_commands", "lines": ["RUN broken"]}]}
    *_, error = events(client.post("/v1/images/build", json={"recipe": recipe, "name": "tools"}).text)
    assert error[0] == "error"
    assert error[1]["code"] == "image_build"
    assert error[1]["message"].splitlines()[0] == f"Image build for {error[1]['image_id']} failed."
    assert shelf.published == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"recipe": {"base": 5}}, "image.base must be text"),
        ({"recipe": {"steps": [{"method": "x", "lines": [" "]}]}}, "an image step is empty"),
        ({"recipe": RECIPE, "name": "a b"}, "can't be the name of an image"),
    ],
)
def test_what_can_be_no_image_or_name_is_refused(client: Client, shelf: Shelf, body: dict[str, Any], words: str) -> None:
    response = client.post("/v1/images/build", json=body)
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
    assert shelf.built == []


@pytest.mark.usefixtures("shelf")
def test_the_log_of_a_build_comes_whole_and_in_order(client: Client) -> None:
    told = events(client.get(f"/v1/images/{BUILD}/logs").text)
    assert [data["line"] for _, data in told[:-1]] == [f"line {number}" for number in range(1200)]
    assert told[-1] == ("end", {})
    assert client.get("/v1/images/im-nothing/logs").status_code == 404
