"""The order of lifecycle methods, as a function of a class."""

from __future__ import annotations

import homeport
from homeport.guest.lifecycle import methods


class Base:
    @homeport.enter()
    def zebra(self) -> None: ...

    @homeport.enter()
    def apple(self) -> None: ...

    @homeport.exit()
    def end(self) -> None: ...


class Mixed(Base):
    @homeport.enter()
    def later(self) -> None: ...

    @homeport.enter(snap=True)
    def snapped(self) -> None: ...

    @homeport.enter()
    def zebra(self) -> None: ...


class Plain(Base):
    def end(self) -> None: ...


def test_methods_come_in_order_of_definition_with_base_classes_first() -> None:
    assert methods(Mixed, "enter") == ["zebra", "apple", "later"]


def test_snapshot_methods_are_a_list_of_their_own() -> None:
    assert methods(Mixed, "enter_snap") == ["snapped"]


def test_an_override_without_the_decorator_is_an_ordinary_method() -> None:
    assert methods(Plain, "exit") == []
    assert methods(Plain, "enter") == ["zebra", "apple"]
