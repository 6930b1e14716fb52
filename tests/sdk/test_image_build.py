"""Images by themselves: what is sent, what is asked, and what comes back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

import homeport as modal
from homeport.client.config import Target
from homeport.client.http import Client
from homeport.errors import ImageBuildError
from homeport.manifest import codec

from .resolving import EverythingThere

SLIM = modal.Image.debian_slim("3.11")
BUILT = 'event: build\ndata: {"line": "STEP 1"}\n\nevent: built\ndata: {"image_id": "im-1", "name": null}\n\n'
FAILED = 'event: error\ndata: {"code": "image_build", "message": "a\\n  b", "image_id": "im-1"}\n\n'


class Platform:
    def __init__(self, answer: str = BUILT) -> None:
        self.answer = answer
        self.paths: list[str] = []
        self.asked: dict[str, object] = {}

    def client(self) -> Client:
        return Client(Target("http://127.0.0.1:7300", "ak-1", "as-1", "the test", "dev"), httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path.removeprefix("/v1"))
        if request.url.path.startswith("/v1/blobs"):
            digests = json.loads(request.content)["digests"] if request.url.path.endswith("missing") else []
            return httpx.Response(200 if digests else 204, json={"missing": digests} if digests else None)
        self.asked = json.loads(request.content)
        return httpx.Response(200, text=self.answer)


def test_build_returns_the_image_and_gives_it_no_name() -> None:
    platform = Platform()
    image = SLIM.run_commands("true")
    assert image.build(modal.App("any"), client=platform.client()) is image
    assert platform.asked == {
        "recipe": codec.recipe_to_json(SLIM._recipe(EverythingThere())) | _steps("RUN true"),
        "name": None,
    }


def _steps(*lines: str) -> dict[str, object]:
    return {"steps": [{"method": "run_commands", "lines": list(lines)}]}


def test_publish_sends_the_files_first_and_names_the_image_with_its_tag(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    platform = Platform()
    asyncio.run(SLIM.add_local_file(tmp_path / "a.txt", "/a", copy=True).publish.aio("tools", client=platform.client()))
    assert platform.paths == ["/blobs/missing", "/blobs/batch", "/images/build"]
    assert platform.asked["name"] == "tools:latest"


def test_a_build_that_fails_says_which_and_what_it_said() -> None:
    with pytest.raises(ImageBuildError) as failed:
        SLIM.run_commands("false").build(client=Platform(FAILED).client())
    assert (str(failed.value), failed.value.image_id) == ("a\n  b", "im-1")
