"""A platform of fakes behind the real API, for all tests of the routes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI

from homeport.api import sse
from homeport.api.app import create_app
from homeport.store.tokens import TokenStore

from .client import Client
from .fakes import FakePlatform


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that a source raises at once is a status, however slow the machine is."""
    monkeypatch.setattr(sse, "FIRST_EVENT_WAIT_S", 60)


@pytest.fixture
def platform(tmp_path: Path) -> FakePlatform:
    return FakePlatform(tmp_path)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenStore:
    return TokenStore(tmp_path)


@pytest.fixture
def authorization(tokens: TokenStore) -> str:
    token = tokens.ensure_admin()
    return f"Bearer {token.token_id}.{token.secret}"


@pytest.fixture
def app(platform: FakePlatform, tokens: TokenStore) -> FastAPI:
    return create_app(platform, tokens)


@pytest.fixture
def client(app: FastAPI, authorization: str) -> Client:
    return Client(app, {"Authorization": authorization})
