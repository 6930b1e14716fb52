"""The routes of Volumes before the real things: on a journal and a disk, without containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from control.plant import Plant

from .client import Client, pieces
from .fakes import FakePlatform


@pytest.fixture(autouse=True)
def plant(platform: FakePlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    made = Plant(tmp_path / "plant")

    async def delete_volume(volume_id: str, actor: str) -> dict[str, Any]:
        return made.volumes.delete(volume_id, actor)

    monkeypatch.setattr(platform, "volumes", made.volumes, raising=False)
    monkeypatch.setattr(platform, "delete_volume", delete_volume, raising=False)
    yield made
    made.database.close()


@pytest.fixture
def volume(client: Client) -> str:
    return f"/v1/volumes/{client.post('/v1/volumes', json={'name': 'data'}).json()['volume_id']}"


def test_a_volume_from_its_beginning_to_its_end(client: Client) -> None:
    made = client.post("/v1/volumes", json={"name": "data"}).json()
    assert (made["name"], made["environment"], made["created_by"]) == ("data", "main", "admin")
    assert client.post("/v1/volumes/resolve", json={"name": "data"}).json() == {
        "volume_id": made["volume_id"],
        "created": False,
    }
    renamed = client.request("PATCH", f"/v1/volumes/{made['volume_id']}", json={"name": "models"}).json()
    assert client.get("/v1/volumes").json() == {"volumes": [renamed]}
    assert client.request("DELETE", f"/v1/volumes/{made['volume_id']}").json()["name"] == "models"
    assert client.get(f"/v1/volumes/{made['volume_id']}").status_code == 404
    assert client.get("/v1/volumes").json() == {"volumes": []}


def test_bytes_come_back_as_they_went_in_pieces_larger_than_any_body(client: Client, volume: str) -> None:
    content = bytes(range(256)) * 16_000
    chunks = pieces(*(content for _ in range(10)))  # 40 MB: more than a body may have that is read into memory
    sent = client.put(f"{volume}/content?path=/a/b&mode=448", content=chunks)
    assert (sent.status_code, sent.content) == (204, b"")
    got = client.get(f"{volume}/content?path=a/b")
    assert got.content == content * 10
    assert got.headers["content-length"] == str(len(content) * 10)
    again = client.put(f"{volume}/content?path=a/b", content=b"new")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_exists")
    assert client.put(f"{volume}/content?path=a/b&force=true&sync=false", content=b"new").status_code == 204
    assert client.post(f"{volume}/commit").status_code == 204
    assert client.get(f"{volume}/content?path=a/b").content == b"new"


def test_a_listing_comes_in_pages(client: Client, volume: str) -> None:
    for name in ("c", "a/1", "a/2", "b"):
        client.put(f"{volume}/content?path={name}", content=b"x")
    seen, after = [], ""
    while after is not None:
        page = client.get(f"{volume}/entries", params={"recursive": True, "limit": 2, "after": after}).json()
        seen += [entry["path"] for entry in page["entries"]]
        after = page["next"]
    assert seen == ["a", "a/1", "a/2", "b", "c"]
    entry = client.get(f"{volume}/entries?path=b").json()["entries"][0]
    assert (entry["type"], entry["size"]) == ("file", 1)
    assert client.get(f"{volume}/entries?after=%2A").status_code == 400


def test_a_name_that_is_no_text_does_not_break_a_listing(client: Client, volume: str, plant: Plant) -> None:
    folder = plant.volumes.folders.path(volume.rpartition("/")[2])
    for name in (b"\xff1", b"\xff2", b"plain"):
        Path(str(folder).encode().decode(), name.decode(errors="surrogateescape")).write_text("x")
    page = client.get(f"{volume}/entries?limit=2").json()
    assert [entry["path"] for entry in page["entries"]] == ["plain", "\\xff1"]
    following = client.get(f"{volume}/entries", params={"after": page["next"]}).json()
    assert [entry["path"] for entry in following["entries"]] == ["\\xff2"]


def test_copy_existing_and_remove(client: Client, volume: str) -> None:
    client.put(f"{volume}/content?path=a", content=b"x")
    assert client.post(f"{volume}/copy", json={"sources": ["/a"], "destination": "/b"}).status_code == 204
    assert client.post(f"{volume}/existing", json={"paths": ["/a", "b", "c"]}).json() == {"existing": ["a", "b"]}
    assert client.request("DELETE", f"{volume}/content?path=/a").status_code == 204
    assert client.request("DELETE", f"{volume}/content?path=/a").status_code == 404


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/..", "a\nb", "%00", "x" * 300])
def test_a_path_that_cant_be_is_refused_on_every_route(client: Client, volume: str, path: str) -> None:
    path = path.replace("%00", "\0")
    answers = [
        client.get(f"{volume}/entries", params={"path": path}),
        client.get(f"{volume}/content", params={"path": path}),
        client.put(f"{volume}/content", params={"path": path}, content=b"x"),
        client.request("DELETE", f"{volume}/content", params={"path": path}),
        client.post(f"{volume}/copy", json={"sources": [path], "destination": "b"}),
        client.post(f"{volume}/copy", json={"sources": ["a"], "destination": path}),
        client.post(f"{volume}/existing", json={"paths": [path]}),
    ]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(400, "invalid")}


def test_a_full_disk_is_told_in_words(client: Client, volume: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from homeport.store.volume_arrival import Arrival

    def full(_arrival: Arrival, _chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Arrival, "write", full)
    answer = client.put(f"{volume}/content?path=a", content=b"x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "resource_exhausted")
    assert "disk full: no room for 'a' in this Volume" in answer.json()["error"]["message"]


def test_a_heartbeat_is_for_those_that_are_there(client: Client) -> None:
    made = client.post("/v1/volumes", json={"name": None}).json()
    assert made["name"] is None
    assert client.post(f"/v1/volumes/{made['volume_id']}/heartbeat").status_code == 204
    assert client.post("/v1/volumes/vo-x/heartbeat").status_code == 404


def test_nothing_of_it_is_open_to_those_without_a_token(app: FastAPI, volume: str) -> None:
    for method, path in (("GET", "/v1/volumes"), ("GET", f"{volume}/content?path=a"), ("PUT", f"{volume}/content?path=a")):
        assert Client(app).request(method, path).status_code == 401
