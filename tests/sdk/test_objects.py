"""`Dict` and `Queue` as people write them, on the real routes."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.fakes import FakePlatform
from control.test_objects import House
from homeport.api.app import create_app
from homeport.client.config import Target
from homeport.client.http import Client
from homeport.errors import AlreadyExistsError, ExecutionError, InvalidError, NotFoundError
from homeport.sdk.dict import Dict
from homeport.sdk.pickled import dumped, dumped_key, loaded
from homeport.sdk.queue import Queue
from homeport.store.tokens import TokenStore


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    house, platform, tokens = House(tmp_path), FakePlatform(tmp_path), TokenStore(tmp_path)
    for name in ("objects", "dicts", "queues"):
        setattr(platform, name, getattr(house, name))
    token = tokens.ensure_admin()
    app = create_app(platform, tokens)  # type: ignore[arg-type]  # as far as these routes need one

    def serve(request: httpx.Request) -> httpx.Response:
        return asyncio.run(_ask(app, request))

    target = Target("http://127.0.0.1:1", token.token_id, token.secret, "the test")
    with Client(target, httpx.MockTransport(serve)) as made:
        yield made
    house.objects.close()


async def _ask(app: Any, request: httpx.Request) -> httpx.Response:
    content = b"".join([piece async for piece in request.stream]) if hasattr(request.stream, "__aiter__") else request.read()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        headers = {name: value for name, value in request.headers.items() if name != "transfer-encoding"}
        answer = await http.request(request.method, str(request.url), headers=headers, content=content)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def test_a_dict_is_used_as_a_dictionary(client: Client) -> None:
    d = Dict.from_name("d", create_if_missing=True, client=client)
    d["a"] = [1, {"b": None}]
    d.update({"b": 2}, c=3)
    assert (d["a"], d.get("b"), d.get("x"), d.get("x", 5)) == ([1, {"b": None}], 2, None, 5)
    assert ("a" in d, "x" in d, d.contains("c"), d.len()) == (True, False, True, 3)
    assert (list(d.keys()), list(d.values()), dict(d.items())["c"]) == (["a", "b", "c"], [[1, {"b": None}], 2, 3], 3)
    assert list(d) == ["a", "b", "c"]
    del d["b"]
    assert (d.pop("c"), d.pop("c", "gone")) == (3, "gone")
    for use in (lambda: d["x"], lambda: d.pop("x"), lambda: d.__delitem__("x")):
        with pytest.raises(KeyError):
            use()
    d["none"] = None
    assert (d.get("none", 5), "none" in d) == (None, True)
    d.clear()
    assert d.len() == 0


def test_put_with_skip_if_exists_is_a_lock(client: Client) -> None:
    d = Dict.from_name("d", create_if_missing=True, client=client)
    assert [d.put("lock", n, skip_if_exists=True) for n in (1, 2)] == [True, False]
    assert d.put("lock", 3) is True
    assert d["lock"] == 3


def test_both_forms_of_every_method(client: Client) -> None:
    async def use() -> list[Any]:
        d = Dict.from_name("d", create_if_missing=True, client=client)
        await d.put.aio("a", 1)
        q = Queue.from_name("q", create_if_missing=True, client=client)
        await q.put.aio("x")
        found = [key async for key in d.keys.aio()] + [item async for item in q.iterate.aio()]
        return [*found, await q.get.aio(), await d.get.aio("a")]

    assert asyncio.run(use()) == ["a", "x", "x", 1]


def test_a_queue_is_first_in_first_out_in_each_partition(client: Client) -> None:
    q = Queue.from_name("q", create_if_missing=True, client=client)
    q.put_many([1, 2, 3])
    q.put("p", partition="p", partition_ttl=60)
    assert (q.len(), q.len(partition="p"), q.len(total=True)) == (3, 1, 4)
    assert list(q.iterate()) == [1, 2, 3]
    assert (q.get(), q.get_many(5), q.get(partition="p")) == (1, [2, 3], "p")
    assert (q.get(block=False), q.get_many(5, block=False)) == (None, [])
    with pytest.raises(queue.Empty):
        q.get(timeout=0)
    q.put_many(list(range(5000)))
    for block in (True, False):
        with pytest.raises(queue.Full):
            q.put(1, block=block, timeout=0)
    q.clear()
    q.put(1, partition="p")
    q.clear(all=True)
    assert q.len(total=True) == 0


def test_what_can_not_be_meant_is_refused(client: Client) -> None:
    q = Queue.from_name("q", create_if_missing=True, client=client)
    for wrong in (lambda: q.get(partition=""), lambda: q.put(1, partition="x" * 65)):
        with pytest.raises(InvalidError, match="between 1 and 64 characters"):
            wrong()
    with pytest.raises(InvalidError, match="Partition must be None when requesting total length"):
        q.len(partition="p", total=True)
    with pytest.raises(InvalidError, match="Partition must be None when clearing all"):
        q.clear(partition="p", all=True)
    with pytest.raises(InvalidError, match="Invalid Dict name: 'a/b'"):
        Dict.from_name("a/b")
    for kind in (Dict, Queue):
        with pytest.raises(InvalidError, match=r"from_name"):
            kind()


def test_one_is_looked_up_when_it_is_first_used(client: Client) -> None:
    missing = Dict.from_name("missing", client=client)
    with pytest.raises(NotFoundError, match="no Dict 'missing'"):
        missing.len()
    with pytest.raises(NotFoundError):
        missing.hydrate()
    made = Dict.from_name("missing", create_if_missing=True, client=client).hydrate()
    assert made.object_id.startswith("di-")
    assert Dict.from_id(made.object_id, client=client).info()["name"] == "missing"
    assert missing.len() == 0


def test_objects_make_list_and_delete(client: Client) -> None:
    Dict.objects.create("a", client=client)
    Dict.objects.create("a", allow_existing=True, client=client)
    with pytest.raises(AlreadyExistsError):
        Dict.objects.create("a", client=client)
    Queue.objects.create("q", client=client)
    assert [d.name for d in Dict.objects.list(client=client)] == ["a"]
    with pytest.raises(InvalidError, match="max_objects cannot be negative"):
        Dict.objects.list(max_objects=-1, client=client)
    Dict.objects.delete("a", client=client)
    with pytest.raises(NotFoundError):
        Dict.objects.delete("a", client=client)
    Dict.objects.delete("a", allow_missing=True, client=client)
    assert [d.name for d in Dict.objects.list(client=client)] == []


def test_an_ephemeral_one_is_gone_after_its_context(client: Client) -> None:
    with Queue.ephemeral(client=client) as q:
        q.put(1)
        kept = Queue.from_id(q.object_id, client=client)
        assert kept.get() == 1
    with pytest.raises(NotFoundError):
        kept.len()

    async def use() -> int:
        async with Dict.ephemeral(client=client) as d:
            return await d.len.aio()

    assert asyncio.run(use()) == 0


def test_a_large_value_comes_back(client: Client) -> None:
    d = Dict.from_name("d", create_if_missing=True, client=client)
    d["big"] = value = b"x" * (5 << 20)
    d.update(dict.fromkeys(range(20), b"y" * (1 << 20)))
    assert d["big"] == value
    assert d.len() == 21


@pytest.mark.parametrize("key", ["a", 1, ("a", "a"), (("x", 1), "x"), None, b"bytes", frozenset({1}), 1.5])
def test_equal_keys_are_the_same_bytes_whoever_made_them(key: object) -> None:
    program = "import pickle, sys; from homeport.sdk.pickled import dumped_key; "
    program += "sys.stdout.buffer.write(dumped_key(pickle.loads(sys.stdin.buffer.read())))"
    other = subprocess.run([sys.executable, "-c", program], input=dumped(key), capture_output=True, check=True)
    assert other.stdout == dumped_key(key)


def test_keys_that_are_no_keys_and_values_that_can_not_be_pickled_are_refused() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        dumped_key([])
    with pytest.raises(InvalidError, match="type generator can't be pickled"):
        dumped(n for n in range(1))
    with pytest.raises(ExecutionError, match="can't be unpickled here"):
        loaded(b"no pickle")


def test_functions_and_classes_of_the_user_s_own_file_come_along() -> None:
    class Own:
        def __init__(self) -> None:
            self.value = 5

    assert loaded(dumped(lambda x: x + 1))(1) == 2
    assert loaded(dumped(Own())).value == 5
