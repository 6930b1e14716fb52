"""Files of a deploy on the platform: what is refused, and what a container is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeport.control.requests import DeployRequest
from homeport.core.model import Strategy
from homeport.errors import InvalidError
from homeport.manifest.schema import AppManifest, Entry, ImageRecipe, ServerSpec, TreeMount
from homeport.ports import Bind

from .plant import Plant, Play


def request(source: str, *mounts: TreeMount) -> DeployRequest:
    spec = ServerSpec("web", Entry("web", "Web", "web.py"), ImageRecipe("debian_slim", "3.13"), mounts=mounts)
    return DeployRequest(AppManifest("shop", (spec,), source), Strategy.ROLLING, "main", "r1", "ann")


async def refusal(plant: Plant, asked: DeployRequest) -> str:
    with pytest.raises(InvalidError) as caught:
        await plant.watch(plant.publisher.deploy(asked, False))
    assert plant.loop.world.apps == {}
    return caught.value.message


def test_a_tree_that_leads_out_is_refused_whoever_sends_it(play: Play) -> None:
    async def story(plant: Plant) -> None:
        escaping = plant.blobs.add(b'{"entries":[["link","web.py","../../etc/passwd"]],"tree":1}')
        assert "The link 'web.py' leads out of its tree." in await refusal(plant, request(escaping))
        source = plant.tree({"web.py": "x"})
        assert "leads out" in await refusal(plant, request(source, TreeMount("/data", escaping)))
        not_one = plant.blobs.add(b"{}")
        assert "This is not a tree of files" in await refusal(plant, request(not_one))

    play(story)


def test_what_was_not_uploaded_is_named(play: Play) -> None:
    async def story(plant: Plant) -> None:
        assert f"The list of files {'a' * 64} was not uploaded" in await refusal(plant, request("a" * 64))
        source = plant.tree({"web.py": "x", "b": "y", "c": "z"})
        for file in list(plant.publisher.trees.get(source).files)[:2]:
            plant.blobs.path(file.digest).unlink()
        assert "The content of b (and 1 more) was not uploaded; deploy again." in await refusal(plant, request(source))
        other = plant.tree({"other.py": "x"})
        assert "the entry file 'web.py' is not among the source files" in await refusal(plant, request(other))

    play(story)


def test_a_container_is_shown_its_source_and_its_mounts_where_they_belong(play: Play) -> None:
    async def story(plant: Plant) -> None:
        source = plant.tree({"web.py": "one", "pkg/a.py": "a"})
        pkg, data, single = plant.tree({"b.py": "b"}), plant.tree({"x.csv": "x"}), plant.tree({"": "text"})
        mounts = (
            TreeMount("/opt/data", data),
            TreeMount("/opt/note.txt", single),
            TreeMount("/root/pkg", pkg),
        )
        await plant.watch(plant.publisher.deploy(request(source, *mounts), True))
        (container,) = plant.engine.containers.values()
        binds = {bind.target: bind for bind in container.spec.binds}
        shown = {target: read(bind) for target, bind in binds.items() if "homeport" not in target}
        assert shown == {
            "/opt/data": {"x.csv": "x"},
            "/opt/note.txt": "text",
            "/root/pkg": {"a.py": "a", "b.py": "b"},
            "/root/web.py": "one",
        }
        assert all(bind.read_only for bind in binds.values())

    play(story)


def read(bind: Bind) -> object:
    place = Path(bind.source)
    return {file.name: file.read_text() for file in place.iterdir()} if place.is_dir() else place.read_text()
