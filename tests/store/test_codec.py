"""Apps to JSON and back, whatever they hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from homeport.core.model import App
from homeport.core.states import AppState
from homeport.errors import PlatformError
from homeport.store import codec

from .strategies import values_of

PLAIN = App("ap-1", "main", "hello", AppState.DEPLOYED, created_at_ms=5)


@settings(max_examples=100, deadline=None)
@given(values_of(App))
def test_an_app_comes_back_as_it_was(app: App) -> None:
    assert codec.loads(codec.dumps(app)) == app


def test_a_field_that_was_not_written_takes_its_default() -> None:
    stored = json.loads(codec.dumps(PLAIN))
    del stored["app"]["wake_at_ms"]
    assert codec.loads(json.dumps(stored)) == PLAIN


def test_another_format_is_named() -> None:
    with pytest.raises(PlatformError, match="format 2, this homeport reads format 1"):
        codec.loads(codec.dumps(PLAIN).replace('"format":1', '"format":2'))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format":1}',
        codec.dumps(PLAIN).replace('"deployed"', '"dreaming"'),
        codec.dumps(PLAIN).replace('"created_at_ms":5', '"created_at_ms":"5"'),
        codec.dumps(PLAIN).replace('"name"', '"nome"'),
    ],
)
def test_what_is_no_app_is_refused_in_words(text: str) -> None:
    with pytest.raises(PlatformError, match="can't be read"):
        codec.loads(text)
