"""Ids made from counters, so that the same history gives the same ids. Their forms are those of semantics 3.7.13.

A container's id contains the number of its App, so that no index is needed to find the App of a fact.
"""

from __future__ import annotations

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TAG_LENGTH = 6


def app_id(tag: str, number: int) -> str:
    """`tag` is `TAG_LENGTH` alphanumerics that make two platforms differ; `number` counts the platform's Apps from 1."""
    return f"ap-{tag}{_base62(number, 16)}"


def service_id(owner: str, number: int) -> str:
    """The `number`-th service (Server) that the App `owner` has ever had."""
    return f"fu-{owner[3 : 3 + TAG_LENGTH]}{owner[-12:]}{_base62(number, 4)}"


def container_id(owner: str, number: int) -> str:
    """The `number`-th container that the App `owner` has ever had."""
    return f"ta-{owner[3 : 3 + TAG_LENGTH]}{owner[-8:]}{_base62(number, 8)}"


def environment_id(tag: str, number: int) -> str:
    """The `number`-th environment that the platform has ever had."""
    return f"en-{tag}{_base62(number, 16)}"


def volume_id(tag: str, number: int) -> str:
    """The `number`-th Volume that the platform has ever had."""
    return f"vo-{tag}{_base62(number, 16)}"


def app_of(container: str) -> str:
    """The id of the App that a container id was made for; any other text gives an id that no App has."""
    return f"ap-{container[3 : 3 + TAG_LENGTH]}{container[3 + TAG_LENGTH : -8].rjust(16, '0')}"


def app_of_service(service: str) -> str:
    """The id of the App that a service id was made for; any other text gives an id that no App has."""
    return f"ap-{service[3 : 3 + TAG_LENGTH]}{service[3 + TAG_LENGTH : -4].rjust(16, '0')}"


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return digits.rjust(width, "0")
