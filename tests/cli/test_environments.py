"""`homeport environment` and `homeport gc`: what they ask, and what they print."""

from __future__ import annotations

from typing import Any, Protocol

from .conftest import FakePlatform, Result

ENVIRONMENT = {
    "name": "dev",
    "web_suffix": "d",
    "apps": 2,
    "restricted": False,
    "default_role": "contributor",
    "created_at": "2026-11-21T10:00:00.000Z",
    "created_by": "ann",
}


class Cli(Protocol):
    def __call__(self, *argv: str, stdin: bytes = b"") -> Result: ...


def test_list_shows_all(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/environments"] = {"environments": [ENVIRONMENT]}
    lines = cli("environment", "list").out.splitlines()
    assert lines[0].split("  ")[0] == "Name"
    assert lines[1].split() == ["dev", "d", "2", "2026-11-21", "10:00:00+00:00", "ann"]
    assert cli("environment", "list", "--json").json == [ENVIRONMENT]


def test_create_sends_the_suffix_only_when_it_was_given(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/environments"] = ENVIRONMENT
    assert cli("environment", "create", "dev").out == "✓ Environment created: dev (web suffix: d).\n"
    assert cli("environment", "create", "dev", "--json").json == ENVIRONMENT
    platform.asked.pop()
    cli("environment", "create", "dev", "--web-suffix", "")
    assert [request.body for request in platform.asked] == [
        {"name": "dev", "web_suffix": None, "restricted": False, "default_role": None},
        {"name": "dev", "web_suffix": "", "restricted": False, "default_role": None},
    ]


def test_update_changes_what_was_given(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["PATCH /v1/environments/dev"] = {**ENVIRONMENT, "name": "x", "web_suffix": ""}
    result = cli("environment", "update", "dev", "--set-name", "x", "--set-web-suffix", "")
    assert (result.code, result.out) == (0, "✓ Environment updated: x (no web suffix).\n")
    assert platform.asked[0].body == {"name": "x", "web_suffix": ""}


def test_a_version_of_the_image_builder_is_refused_in_words(cli: Cli, platform: FakePlatform) -> None:
    result = cli("environment", "update", "dev", "--set-image-builder-version", "2025.06")
    assert (result.code, platform.asked) == (2, [])
    assert "homeport has one image builder" in result.err


def test_update_of_nothing_is_a_usage_error(cli: Cli, platform: FakePlatform) -> None:
    result = cli("environment", "update", "dev")
    assert (result.code, platform.asked) == (2, [])
    assert result.err == "Error: Nothing to change: give --set-name, --set-web-suffix, or another of its options.\n"


def test_delete_asks_first_and_needs_a_terminal_for_it(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["DELETE /v1/environments/dev"] = {"name": "dev"}
    asked = cli("environment", "delete", "dev")
    first, second, third = asked.err.splitlines()
    assert (asked.code, first) == (1, "Are you sure you want to delete the environment 'dev'?")
    assert second == "Its Secrets, Dicts and Queues go with it, for good."
    assert third == "Aborted: no interactive terminal detected. Rerun with --yes (-y) to skip confirmation."
    assert platform.asked == []
    assert cli("environment", "delete", "dev", "-y").out == "✓ Environment deleted: dev.\n"


def garbage(**changed: Any) -> dict[str, Any]:
    kinds = [{"kind": "blobs", "count": 3, "size_bytes": 3 << 20}, {"kind": "logs", "count": 0, "size_bytes": 0}]
    plain = {"dry_run": False, "kinds": kinds, "size_bytes": 3 << 20, "apps_forgotten": 0, "unreadable_manifests": []}
    return {**plain, **changed}


def test_gc_says_what_and_how_much(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/gc"] = garbage()
    assert cli("gc").out == (
        "Kind            Count  Size\n"
        "uploaded files  3      3.0 MiB\n"
        "together        3      3.0 MiB\n"
        "✓ Freed 3.0 MiB.\n"
    )  # fmt: skip
    assert platform.asked[0].query == {"dry_run": "false"}


def test_gc_dry_run_only_asks(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/gc"] = garbage(dry_run=True, apps_forgotten=2)
    result = cli("gc", "--dry-run")
    assert result.out.splitlines()[-2:] == [
        "Would forget 2 Apps stopped long ago; the history stays.",
        "Would free 3.0 MiB.",
    ]
    assert platform.asked[0].query == {"dry_run": "true"}
    assert cli("gc", "--dry-run", "--json").json == garbage(dry_run=True, apps_forgotten=2)


def test_gc_of_nothing_says_so_and_why(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/gc"] = garbage(kinds=[], size_bytes=0, unreadable_manifests=["m"], apps_forgotten=1)
    apps, first, last = cli("gc").out.splitlines()
    assert apps == "Forgot 1 App stopped long ago; the history stays."
    assert first.startswith("1 manifest of what runs can't be read")
    assert last == "Nothing to collect."
