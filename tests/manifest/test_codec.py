"""The canonical form: what is written is read back as it was, and what is wrong is named by its place."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.errors import InvalidError
from homeport.manifest import codec, digest
from homeport.manifest.schema import AppManifest, Entry, ServerSpec

from .strategies import manifests

SIMPLE = AppManifest(
    "hello",
    (ServerSpec("Server", Entry("hello", "Server", "hello.py"), unauthenticated=True),),
    "a" * 64,
)

SERVER = {"name": "x", "entry": {"module": "x", "qualname": "X"}}


@given(manifests)
def test_what_is_written_is_read_back_as_it_was(manifest: AppManifest) -> None:
    assert codec.loads(codec.dumps(manifest)) == manifest
    assert codec.from_json(codec.to_json(manifest)) == manifest


@given(manifests, st.randoms())
def test_the_digest_does_not_depend_on_the_order_of_keys(manifest: AppManifest, rng: random.Random) -> None:
    def shuffled(value: object) -> object:
        if isinstance(value, dict):
            items = list(value.items())
            rng.shuffle(items)
            return {key: shuffled(item) for key, item in items}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(
        shuffled(codec.to_json(manifest)), indent=rng.choice([None, 2]), ensure_ascii=rng.choice([True, False])
    )
    assert digest.of(codec.loads(text)) == digest.of(manifest)


@given(manifests, manifests)
def test_two_manifests_have_one_digest_only_if_they_are_equal(one: AppManifest, other: AppManifest) -> None:
    assert (digest.of(one) == digest.of(other)) == (one == other)


def test_the_canonical_form_is_what_it_was_in_the_first_release() -> None:
    assert codec.dumps(SIMPLE) == (
        b'{"name":"hello","schema":2,'
        b'"servers":[{"entry":{"module":"hello","path":"hello.py","qualname":"Server"},"name":"Server","unauthenticated":true}],'
        b'"source":"' + b"a" * 64 + b'"}'
    )


def test_defaults_may_be_written_out_and_do_not_change_the_digest() -> None:
    document = codec.to_json(SIMPLE)
    document["servers"][0] |= {"port": 8000, "image": {"base": "debian_slim"}, "env": []}
    assert digest.of(codec.from_json(document)) == digest.of(SIMPLE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 1}, "schema 1"),
        ({"schema": None}, "no field 'schema'"),
        ({"schema": True}, "schema True"),
        ({"surprise": 1}, "manifest has the unknown field 'surprise'"),
        ({"name": 3}, "manifest.name must be text, not 3"),
        ({"servers": {}}, "manifest.servers must be a list, not an object"),
        ({"servers": [{"name": "x"}]}, "manifest.servers[0] lacks the field 'entry'"),
        ({"tags": [["a"]]}, "manifest.tags[0] must have 2 items, not 1"),
        ({"servers": [SERVER | {"port": True}]}, "manifest.servers[0].port must be a whole number"),
        ({"servers": [SERVER | {"port": 1.0}]}, "manifest.servers[0].port must be a whole number"),
        ({"name": "\ud800"}, "manifest.name holds a character that UTF-8 can't carry"),
    ],
)
def test_a_field_that_is_wrong_is_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidError) as caught:
        codec.loads(json.dumps(codec.to_json(SIMPLE) | change))
    assert words in caught.value.message


def test_a_missing_name_is_named() -> None:
    with pytest.raises(InvalidError, match="manifest lacks the field 'name'"):
        codec.loads('{"schema": 2}')


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 2, "schema": 2}', "[" * 100_000, b"\xff\xfe\xff"])
def test_what_is_no_manifest_at_all_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidError, match="Manifest"):
        codec.loads(text)
