"""What every `ports.Images` must do, on the fake and on the real one (which makes its base once per user and keeps it)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from homeport.errors import ImageBuildError, InvalidError
from homeport.images import BuildahImages, ImageSettings
from homeport.manifest.schema import ImageRecipe
from homeport.ports import Images
from homeport.testing.images import FakeImages
from manifest.recipes import recipe_of

FAILS = "RUN echo this is why; exit 3"
GREETS = recipe_of("RUN echo hello > /greeting")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homeport"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.host)])
def images(request: pytest.FixtureRequest, store: Path) -> Images:
    if request.param == "fake":
        return FakeImages(broken=[FAILS])
    return BuildahImages(ImageSettings(root=store / "images", runroot=store / "run", cache=CACHE, registry=None))


def silent(line: str) -> None:
    """Nobody listens."""


def test_an_image_that_was_not_built_is_not_there(images: Images) -> None:
    assert asyncio.run(images.get(recipe_of("RUN never"))) is None


def test_what_ensure_returned_is_what_get_finds(images: Images) -> None:
    built = asyncio.run(images.ensure(ImageRecipe(), silent))
    assert built.image_id
    assert built.layers
    assert built.python_version == "3.11"
    assert asyncio.run(images.get(ImageRecipe())) == built
    assert asyncio.run(images.ensure(ImageRecipe(), silent)) == built


def test_a_step_is_a_layer_on_top_of_the_base(images: Images) -> None:
    base = asyncio.run(images.ensure(ImageRecipe(), silent))
    built = asyncio.run(images.ensure(GREETS, silent))
    assert built.image_id != base.image_id
    assert built.layers[-len(base.layers) :] == base.layers
    assert len(built.layers) == len(base.layers) + 1


def test_the_same_recipe_asked_for_twice_at_once_is_one_image(images: Images) -> None:
    async def both() -> tuple[str, str]:
        one, two = await asyncio.gather(images.ensure(GREETS, silent), images.ensure(GREETS, silent))
        return one.image_id, two.image_id

    one, two = asyncio.run(both())
    assert one == two


def test_a_failed_build_names_its_step_and_leaves_nothing(images: Images) -> None:
    broken = recipe_of("RUN true", FAILS)
    said: list[str] = []
    with pytest.raises(ImageBuildError, match="step 3 of 3: RUN echo this is why; exit 3"):
        asyncio.run(images.ensure(broken, said.append))
    assert any("RUN true" in line for line in said)
    assert asyncio.run(images.get(broken)) is None


@pytest.mark.parametrize("recipe", [ImageRecipe(base="windows"), ImageRecipe(python_version="3.99")])
def test_what_cannot_be_had_here_is_refused(images: Images, recipe: ImageRecipe) -> None:
    with pytest.raises(InvalidError):
        asyncio.run(images.ensure(recipe, silent))


def test_a_dropped_image_is_gone_and_may_be_dropped_again(images: Images) -> None:
    built = asyncio.run(images.ensure(GREETS, silent))
    base = asyncio.run(images.ensure(ImageRecipe(), silent))
    asyncio.run(images.drop(built.image_id))
    asyncio.run(images.drop(built.image_id))
    assert asyncio.run(images.get(GREETS)) is None
    assert asyncio.run(images.get(ImageRecipe())) == base
    assert asyncio.run(images.ensure(GREETS, silent)).layers
