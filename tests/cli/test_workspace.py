"""`homeport workspace`, `homeport token` and roles: what they ask, and what they print."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

from .conftest import FakePlatform, Result

NOT_KEPT = "The secret is not kept: store it now.\n"
PROXY: dict[str, Any] = {
    "token_id": "wk-1",
    "name": "front",
    "created_at": "2026-11-21T10:00:00.000Z",
    "created_by": "ann",
    "scoped": False,
    "environments": [],
}
CI: dict[str, Any] = {
    "name": "ci",
    "role": "none",
    "user_id": "us-1",
    "created_at": "2026-11-21T10:00:00.000Z",
    "created_by": "ann",
    "roles": {"main": "viewer"},
    "tokens": ["ak-1"],
}


class Cli(Protocol):
    def __call__(self, *argv: str, stdin: bytes = b"") -> Result: ...


def test_a_new_proxy_token_is_shown_as_the_headers_to_send(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/workspace/proxy-tokens"] = {**PROXY, "token_secret": "ws-1"}
    shown = cli("workspace", "proxy-tokens", "create", "--name", "front")
    assert shown.out == "Modal-Key: wk-1\nModal-Secret: ws-1\nAuthorization: Bearer wk-1.ws-1\n"
    assert shown.err == NOT_KEPT
    value = cli("workspace", "proxy-tokens", "create", "-e", "dev", "-e", "prod", "--json").json
    assert value == {"Modal-Key": "wk-1", "Modal-Secret": "ws-1", "Authorization": "Bearer wk-1.ws-1"}
    assert [request.body for request in platform.asked] == [
        {"name": "front", "environments": []},
        {"name": "", "environments": ["dev", "prod"]},
    ]


def test_a_proxy_token_that_is_good_nowhere_is_warned_of(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/workspace/proxy-tokens"] = {**PROXY, "scoped": True, "token_secret": "ws-1"}
    assert "homeport workspace proxy-tokens allow wk-1 ENVIRONMENT" in cli("workspace", "proxy-tokens", "create").err


@pytest.mark.parametrize(
    ("changed", "scope"),
    [({}, "no"), ({"scoped": True}, "nowhere"), ({"scoped": True, "environments": ["dev", "main"]}, "dev, main")],
)
def test_the_list_of_proxy_tokens_says_where_each_is_good(
    cli: Cli, platform: FakePlatform, changed: dict[str, Any], scope: str
) -> None:
    platform.answers["GET /v1/workspace/proxy-tokens"] = {"proxy_tokens": [{**PROXY, **changed}]}
    header, line = cli("workspace", "proxy-tokens", "list", "-e", "dev").out.splitlines()
    assert header.split("  ")[0] == "Name"
    assert line == f"front  wk-1      2026-11-21 10:00:00+00:00  ann         {scope}"
    assert platform.asked[0].query == {"environment": "dev"}
    assert cli("workspace", "proxy-tokens", "list", "--json").json == [{**PROXY, **changed}]


def test_allow_and_revoke_name_the_environment_and_warn_where_that_does_not_count(cli: Cli, platform: FakePlatform) -> None:
    path = "/v1/workspace/proxy-tokens/wk-1/environments/dev"
    platform.answers |= {f"PUT {path}": PROXY, f"DELETE {path}": PROXY}
    assert cli("workspace", "proxy-tokens", "allow", "wk-1", "dev").code == 0
    revoked = cli("workspace", "proxy-tokens", "revoke", "wk-1", "dev")
    assert (revoked.code, "RBAC is off" in revoked.err) == (0, True)
    assert platform.paths() == [f"PUT {path}", f"DELETE {path}"]


@pytest.mark.parametrize(
    ("command", "route"),
    [
        (("workspace", "proxy-tokens", "delete", "wk-1"), "DELETE /v1/workspace/proxy-tokens/wk-1"),
        (("workspace", "members", "delete", "ann"), "DELETE /v1/workspace/members/ann"),
        (("workspace", "service-users", "delete", "ci"), "DELETE /v1/workspace/service-users/ci"),
        (("token", "delete", "ak-1"), "DELETE /v1/workspace/tokens/ak-1"),
    ],
)
def test_what_locks_somebody_out_asks_first(cli: Cli, platform: FakePlatform, command: tuple[str, ...], route: str) -> None:
    platform.answers[route] = {"name": "x", "token_id": "x"}
    assert cli(*command).code == 1
    assert platform.asked == []
    assert cli(*command, "-y").code == 0
    assert platform.paths() == [route]


def test_rbac_is_shown_and_switched(cli: Cli, platform: FakePlatform) -> None:
    platform.answers |= {"GET /v1/workspace": {"name": "home", "rbac": True}, "PATCH /v1/workspace": {}}
    assert cli("workspace", "rbac").out == cli("workspace", "rbac", "on").out == "RBAC is on.\n"
    assert platform.asked[1].body == {"rbac": True}
    assert cli("workspace", "rbac", "--json").json == {"rbac": True}
    assert cli("workspace", "rbac", "maybe").code == 2


def test_a_new_service_user_gets_a_token_as_variables(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["POST /v1/workspace/service-users"] = {**CI, "token_id": "ak-1", "token_secret": "as-1"}
    shown = cli("workspace", "service-users", "create", "ci")
    assert shown.out == "HOMEPORT_TOKEN_ID=ak-1\nHOMEPORT_TOKEN_SECRET=as-1\n"
    assert shown.err.startswith(NOT_KEPT)


def test_roles_are_given_and_shown(cli: Cli, platform: FakePlatform) -> None:
    role = {"name": "ci", "kind": "service", "role": "viewer", "default": False}
    platform.answers |= {
        "GET /v1/workspace/service-users/ci": CI,
        "PUT /v1/environments/main/roles/ci": role,
        "GET /v1/environments/main/roles": {"roles": [role]},
    }
    done = "✓ ci has the role viewer in the environment 'main'.\n"
    assert cli("workspace", "service-users", "set-role", "ci", "main", "viewer").out == done
    assert cli("environment", "roles", "update", "main", "ci", "viewer").out == done
    assert cli("environment", "roles", "list", "main").out.splitlines()[1].split() == ["ci", "service", "viewer", "no"]
    assert "Roles:       main: viewer" in cli("workspace", "service-users", "info", "ci").out


def test_one_sees_who_one_is(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/me"] = {"name": "ci", "kind": "service", "role": "none", "roles": {"main": "viewer"}}
    assert cli("token", "info", "--json").json["token_id"] == "ak-test"
    assert "Role in main:           viewer" in cli("token", "info").out


def test_a_refusal_is_one_line(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/workspace/service-users"] = (403, "permission_denied", "Member 'ann' may not do this.")
    refused = cli("workspace", "service-users", "list")
    assert (refused.code, refused.err) == (1, "Error: Member 'ann' may not do this.\n")
