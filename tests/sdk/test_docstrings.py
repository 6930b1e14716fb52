"""What the public API says of itself: `help()` explains everything that users can call, and every argument of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import homeport
from homeport.sdk.autoscaler import Autoscaler
from homeport.sdk.handles import Manager
from homeport.sdk.secret import SecretManager
from homeport.sdk.server_seen import Logs, Metrics
from homeport.sdk.sessions import Sessions
from homeport.sdk.volume_objects import VolumeManager
from homeport.sdk.volume_upload import VolumeUpload

# What public objects hand out. A Client's other methods are the routes of docs/api.md, for the command line.
HANDED_OUT = (Autoscaler, Logs, Manager, Metrics, SecretManager, Sessions, VolumeManager, VolumeUpload)
PUBLIC = [getattr(homeport, name) for name in homeport.__all__ if name not in ("Client", "__version__", "exception")]


def members(owner: type) -> Iterator[tuple[str, Any]]:
    for cls in owner.__mro__:
        if cls.__module__.startswith("homeport"):
            yield from ((f"{owner.__name__}.{name}", value) for name, value in vars(cls).items() if name[0] != "_")
    if owner not in HANDED_OUT:
        yield f"{owner.__name__}.__init__", vars(owner).get("__init__")


def callables() -> dict[str, Any]:
    """Functions and properties by name, without the wrappers of `twins` and of class methods."""
    found = {value.__name__: value for value in PUBLIC if inspect.isfunction(value)}
    for owner in [*HANDED_OUT, *(value for value in PUBLIC if inspect.isclass(value))]:
        for name, value in members(owner):
            function = getattr(value, "_function", None) or getattr(value, "__func__", None) or value
            if isinstance(function, property) or inspect.isfunction(function):
                found[name] = function
    return found


def arguments(function: Any) -> list[str]:
    """Those that a caller can name, or gives several of."""
    if isinstance(function, property):
        return []
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.POSITIONAL_ONLY]
    return [p.name for p in parameters if p.name not in ("self", "cls") and not p.name.startswith("_")]


@pytest.mark.parametrize("name", sorted(callables()))
def test_every_public_method_explains_itself_and_each_of_its_arguments(name: str) -> None:
    function = callables()[name]
    text = inspect.getdoc(function) or ""
    wanted = arguments(function)
    assert text or (name.endswith("__init__") and not wanted)
    assert not [argument for argument in wanted if not re.search(rf"\b{argument}\b", text)]


def test_those_that_hide_behind_descriptors_are_found_too() -> None:
    assert {"App.deploy", "App.lookup", "Dict.update", "Image.pip_install", "Manager.create", "Volume.rename"} <= set(
        callables()
    )
