"""Uploads through the API: many at once, and one that goes on where it broke off."""

from __future__ import annotations

import hashlib

import pytest

from homeport.manifest import frames

from .client import Client
from .fakes import FakePlatform


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_many_small_blobs_arrive_in_one_request(client: Client, platform: FakePlatform) -> None:
    contents = [(sha(content), content) for content in (b"", b"one", b"two", b"x" * 5000)]
    assert client.post("/v1/blobs/batch", content=frames.pack(contents)).status_code == 204
    assert [platform.blobs.read(digest) for digest, _ in contents] == [content for _, content in contents]


def test_a_batch_with_one_that_is_wrong_keeps_none(client: Client, platform: FakePlatform) -> None:
    response = client.post("/v1/blobs/batch", content=frames.pack([(sha(b"one"), b"one"), (sha(b"two"), b"three")]))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid")
    assert platform.blobs.missing([sha(b"one"), sha(b"two")]) == [sha(b"one"), sha(b"two")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"short", "ends in the middle of a head"),
        (frames.pack([(sha(b"one"), b"one")])[:-1], "should have 3 bytes, and there are 2"),
        (frames.HEAD.pack(b"a" * 32, 2**63), "should have 9223372036854775808 bytes"),
        (frames.pack([(sha(b""), b"")] * (frames.BLOBS_MAX + 1)), "more than 4096"),
    ],
)
def test_a_batch_that_is_no_batch_is_refused_in_words(client: Client, body: bytes, words: str) -> None:
    response = client.post("/v1/blobs/batch", content=body)
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]


def test_an_upload_goes_on_where_it_broke_off(client: Client, platform: FakePlatform) -> None:
    content = b"0123456789"
    place = f"/v1/blobs/{sha(content)}"
    assert client.get(place).json() == {"offset": 0, "complete": False}
    (platform.blobs._arriving / f"{sha(content)}.part").write_bytes(content[:4])
    assert client.get(place).json() == {"offset": 4, "complete": False}
    response = client.put(f"{place}?offset=5", content=content[5:])
    assert (response.status_code, response.json()["error"]["code"]) == (409, "conflict")
    assert client.put(f"{place}?offset=4", content=content[4:]).status_code == 204
    assert client.get(place).json() == {"offset": 10, "complete": True}
    assert platform.blobs.read(sha(content)) == content


def test_what_can_not_become_right_is_not_kept(client: Client, platform: FakePlatform) -> None:
    place = f"/v1/blobs/{sha(b'this')}"
    assert client.put(f"{place}?offset=0", content=b"that").status_code == 400
    assert client.get(place).json() == {"offset": 0, "complete": False}
    assert client.put(f"{place}?offset=-1", content=b"this").status_code == 400
    assert client.get("/v1/blobs/xyz").status_code == 400
    assert client.put("/v1/blobs/xyz?offset=0", content=b"").status_code == 400
