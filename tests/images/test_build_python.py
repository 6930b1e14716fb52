"""Builds that need a Python: functions as steps, packages, and a Python that is added to an image without one."""

from __future__ import annotations

import asyncio
import base64
import os
import pickle
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import homeport as modal
from homeport.daemon import guestlib
from homeport.errors import ImageBuildError, InvalidError
from homeport.images import BuildahImages, ImageSettings
from homeport.manifest.schema import BuildFunction, Entry, ImageRecipe, ImageStep, SecretRef, VolumeMount
from homeport.ports import Image
from sdk.resolving import EverythingThere

from .git_server import serving
from .stock import SESAME, Stock, run, tiny

pytestmark = pytest.mark.host

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homeport"
SOURCE = "5" * 64
APP = """
import os
from helper import double

def fill(number, *, fail=False):
    print("told", os.environ.get("MODAL_IS_REMOTE"))
    with open("/root/made.txt", "w") as file:
        file.write(str(double(number)))
    if fail:
        raise ValueError("unlucky")

def download():
    import modal
    with open("/models/weights", "w") as file:
        file.write("0.5")
    modal.Volume.from_name("models").commit()
"""


class House:
    def __init__(self, place: Path) -> None:
        self.stock = Stock(place)
        self.stock.make_tree(SOURCE, {"app.py": APP, "helper.py": "def double(n):\n    return 2 * n\n"})
        usual = replace(ImageSettings.under(place / "data", CACHE), registry=None)
        self.images = BuildahImages(replace(usual, guest_lib=guestlib.ensure(place)), self.stock)
        self.said: list[str] = []

    def build(self, recipe: ImageRecipe) -> Image:
        self.said = []
        return asyncio.run(self.images.ensure(recipe, self.said.append))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("python"))


def calling(*args: object, **kwargs: object) -> ImageStep:
    arguments = base64.b64encode(pickle.dumps((args, kwargs))).decode()
    return ImageStep("run_function", function=BuildFunction(Entry("app", "fill", "app.py"), SOURCE, arguments))


def test_a_function_runs_as_a_step_and_only_what_it_made_stays(house: House) -> None:
    image = house.build(ImageRecipe(steps=(calling(21),)))
    top = Path(image.layers[0])
    assert "told 1" in house.said
    assert (top / "root/made.txt").read_text() == "42"
    assert [path.name for path in (top / "root").iterdir()] == ["made.txt"]
    assert not (top / "opt/homeport").exists()
    assert not (top / "run/homeport").exists()


def test_a_function_commits_what_it_wrote_to_its_volume(house: House) -> None:
    step = replace(calling(), volumes=(VolumeMount("/models", "vo-1", "models"),))
    assert step.function is not None
    step = replace(step, function=replace(step.function, entry=Entry("app", "download", "app.py")))
    house.build(ImageRecipe(steps=(step,)))
    assert (house.stock.volume("vo-1") / "weights").read_text() == "0.5"
    assert house.stock.syncs == 1


def test_a_function_that_fails_shows_its_own_traceback(house: House) -> None:
    with pytest.raises(ImageBuildError) as failed:
        house.build(ImageRecipe(steps=(calling(1, fail=True),)))
    lines = failed.value.message.splitlines()
    assert "failed with the exception:" in lines[0]
    assert [line.strip() for line in lines if "File" in line] == ['File "/root/app.py", line 10, in fill']
    assert lines[-2].strip() == "ValueError: unlucky"


def test_a_package_comes_from_the_machines_index_and_one_that_does_not_exist_shows_why(house: House) -> None:
    image = house.build(ImageRecipe(steps=(run("RUN pip install six && pip cache dir && pip cache purge"),)))
    assert "/run/homeport/cache/pip" in house.said
    assert image.python_version == "3.11"
    assert list(Path(image.layers[0]).rglob("six.py"))
    assert not list(Path(image.layers[0]).rglob("run/homeport"))
    assert not Path(image.layers[0], "root/.cache").exists()
    with pytest.raises(ImageBuildError, match="No matching distribution found for homeport-has-no-such-package"):
        house.build(ImageRecipe(steps=(run("RUN pip install homeport-has-no-such-package"),)))


def test_a_private_repository_is_installed_and_its_token_is_in_no_command_line_and_no_layer(
    house: House, tmp_path: Path
) -> None:
    secret = SecretRef("st-git", "git")
    house.stock.secrets["st-git"] = {"GITHUB_TOKEN": SESAME}
    image = modal.Image.debian_slim("3.11").pip_install_private_repos(
        "github.com/org/parcel@main", git_user="it's me", secrets=[modal.Secret.from_name("git")]
    )
    (step,) = image._recipe(EverythingThere()).steps
    with serving(tmp_path, "org/parcel", f"it's me:{SESAME}") as github:
        proxy = f"[http]\\n\\tproxy = http://127.0.0.1:{github.server_port}\\n\\tsslVerify = false\\n"
        steps = (run(f"RUN printf '{proxy}' > /etc/gitconfig"), replace(step, secrets=(secret,)))
        built = house.build(ImageRecipe(steps=(*steps, run("RUN python3 -c 'import parcel; print(parcel.WHAT)'"))))
    assert house.said[-1] == "a private package"
    assert any(b"git+https://github.com/org/parcel@main" in line for line in github.command_lines)
    assert not [line for line in github.command_lines if SESAME.encode() in line]
    found = subprocess.run(["grep", "-rlF", SESAME, *built.layers[:2]], capture_output=True, text=True)
    assert found.stdout == ""


def test_a_python_is_added_where_there_is_none_and_refused_where_it_cannot_run(house: House) -> None:
    bare = house.build(ImageRecipe(steps=(run("RUN rm -rf /usr/bin/python3* /usr/lib/python3* /usr/local/bin/python"),)))
    assert house.images._storage.describe(bare.image_id).python_version == ""
    asyncio.run(house.images.publish(bare, "im-" + "a" * 22, "bare", "ann"))
    code = "import ssl, sqlite3, ctypes, six, sys; print(sys.prefix, ctypes.CDLL(None).getpid() > 0)"
    steps = (run(f"RUN pip install six && python3 -c '{code}'"),)
    image = house.build(ImageRecipe(base="named", reference="bare", add_python="3.11", steps=steps))
    assert "/opt/python3.11 True" in house.said
    assert image.python_version == "3.11"
    tools = house.build(tiny())
    asyncio.run(house.images.publish(tools, "im-" + "b" * 22, "tools", "ann"))
    with pytest.raises(InvalidError, match=r"add_python='3\.11' can't be had on this image"):
        house.build(ImageRecipe(base="named", reference="tools", add_python="3.11"))
