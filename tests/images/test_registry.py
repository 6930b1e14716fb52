"""Images from a real registry on loopback: with and without a login, and everything that can be wrong with them."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from homeport.errors import ImageBuildError, InvalidError
from homeport.images import BuildahImages, ImageSettings
from homeport.manifest.schema import ImageRecipe, ImageStep, SecretRef

from .registry_server import PASSWORD, USER, Registry, registry
from .stock import Stock, run

pytestmark = pytest.mark.host

_TRIGGERING = ("--isolation=chroot", "--format=docker", "--quiet", "--tag=localhost/triggers")
LOGIN = f"{USER}:{PASSWORD}"


@dataclass(frozen=True)
class House:
    """An open registry and one with a login: `tools:1` in both, `arm:1`, `broken` in the one, `fresh:1` in the other."""

    open: Registry
    locked: Registry
    stock: Stock
    images: BuildahImages
    settings: ImageSettings

    def build(self, reference: str, *steps: ImageStep, secret: str = "", said: list[str] | None = None) -> str:
        ref = SecretRef(secret, secret) if secret else None
        recipe = ImageRecipe(base="registry", reference=reference, registry_secret=ref, steps=steps)
        return asyncio.run(self.images.ensure(recipe, (said if said is not None else []).append)).image_id


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = tmp_path_factory.mktemp("registry")
    stock = Stock(place)
    stock.secrets = {
        "good": {"REGISTRY_USERNAME": USER, "REGISTRY_PASSWORD": PASSWORD},
        "wrong": {"REGISTRY_USERNAME": USER, "REGISTRY_PASSWORD": "nobody-knows"},
        "half": {"REGISTRY_USERNAME": USER},
    }
    settings = replace(ImageSettings.under(place / "data", place / "cache"), answer_timeout_s=60)
    for name in ("one", "two"):
        (place / name).mkdir()
    with registry(place / "one", login=False) as unlocked, registry(place / "two", login=True) as locked:
        _fill(place, unlocked, locked)
        yield House(unlocked, locked, stock, BuildahImages(settings, stock), settings)


def _fill(place: Path, unlocked: Registry, locked: Registry) -> None:
    storage = ["--root", f"{place}/push", "--runroot", f"{place}/pushrun", "--storage-driver", "vfs"]
    context = place / "trees" / ("b" * 64)
    (place / "Dockerfile").write_text("FROM scratch\nCOPY busybox /bin/sh\nENV FROM_REGISTRY=yes\nUSER 1000\n")
    (place / "Triggers").write_text(
        "FROM scratch\nCOPY busybox /bin/sh\nONBUILD RUN --mount=type=cache,id=../..,target=/x ls\n"
    )
    (place / "Other").write_text("FROM scratch\nCOPY busybox /bin/other\n")
    for name, file, options in (
        ("tools", "Dockerfile", []),
        ("arm", "Dockerfile", ["--arch=arm64"]),
        ("other", "Other", []),
    ):
        flags = [*options, "--isolation=chroot", f"--tag=localhost/{name}", f"--file={place}/{file}"]
        subprocess.run(["buildah", *storage, "build", *flags, str(context)], check=True, capture_output=True)
    unlocked.push(storage, "localhost/tools", "tools:1")
    unlocked.push(storage, "localhost/arm", "arm:1")
    unlocked.push(storage, "localhost/other", "broken:latest")
    subprocess.run(["buildah", *storage, "build", *_TRIGGERING, f"--file={place}/Triggers", str(context)], check=True)
    unlocked.push(storage, "localhost/triggers", "triggers:1")
    locked.push(storage, "localhost/tools", "tools:1", LOGIN)
    locked.push(storage, "localhost/tools", "fresh:1", LOGIN)
    unlocked.damage("broken")


def test_an_image_is_pulled_and_built_on_as_root(house: House) -> None:
    said: list[str] = []
    image_id = house.build(f"{house.open.address}/tools:1", run("RUN echo $FROM_REGISTRY; echo > /made-by-root"), said=said)
    assert "yes" in said
    image = asyncio.run(house.images.find(image_id))
    assert image is not None
    assert ("FROM_REGISTRY", "yes") in image.env
    assert image.python_version == ""


def test_a_login_is_used_and_kept_nowhere(house: House) -> None:
    house.build(f"{house.locked.address}/tools:1", secret="good")
    assert subprocess.run(["grep", "-rqF", PASSWORD, str(house.settings.root)]).returncode == 1


@pytest.mark.parametrize(
    ("secret", "words"),
    [("", "wants a login for"), ("wrong", "did not accept the credentials")],
)
def test_a_login_that_is_missing_or_wrong_is_said(house: House, secret: str, words: str) -> None:
    with pytest.raises(ImageBuildError, match=words):
        house.build(f"{house.locked.address}/tools:2", secret=secret)


def test_a_secret_without_a_password_is_refused_by_the_key(house: House) -> None:
    with pytest.raises(InvalidError, match="lacks the key REGISTRY_PASSWORD"):
        house.build(f"{house.locked.address}/tools:1", secret="half")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("arm:1", "is for linux/arm64 and this machine is"),
        ("broken:latest", "is damaged"),
        ("nothing:1", "has no image"),
        ("triggers:1", "has instructions for builds on it"),
        ("tools:9", "has no image"),
    ],
)
def test_an_image_that_is_of_no_use_says_why(house: House, name: str, words: str) -> None:
    with pytest.raises(ImageBuildError, match=words):
        house.build(f"{house.open.address}/{name}")


def test_a_dockerfile_stands_on_a_registrys_image(house: House) -> None:
    file = ImageStep("from_dockerfile", (f"FROM {house.locked.address}/fresh:1", "RUN echo $FROM_REGISTRY"))
    recipe = ImageRecipe(base="dockerfile", steps=(file,), registry_secret=SecretRef("good"))
    said: list[str] = []
    assert asyncio.run(house.images.ensure(recipe, said.append)).image_id
    assert "yes" in said


def test_a_dockerfile_may_copy_from_images_and_none_may_bring_instructions_of_its_own(house: House) -> None:
    tools, triggers = f"{house.open.address}/tools:1", f"{house.open.address}/triggers:1"

    def build(*lines: str) -> None:
        step = ImageStep("from_dockerfile", lines)
        asyncio.run(house.images.ensure(ImageRecipe(base="dockerfile", steps=(step,)), said.append))

    said: list[str] = []
    build(
        f"ARG BASE={tools}", "FROM $BASE AS Tools", "FROM scratch", f"COPY --from={tools} /bin/sh /bin/sh", "RUN echo there"
    )
    assert "there" in said
    with pytest.raises(ImageBuildError, match="has instructions for builds on it"):
        build(f"FROM {triggers}", "RUN echo mine")
    assert not any("id=../.." in line for line in said)
