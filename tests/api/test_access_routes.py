"""Who gets through to which route: the whole table, with real members on a real journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from control.people import People
from homeport.api.app import create_app
from homeport.api.rules import RULES, Where
from homeport.control.access import Need
from homeport.control.members import OWNER

from .client import Client
from .workspace import Workspace

FILLED = {
    "{app}": "ap-prod",
    "{container_id}": "ta-prod",
    "{request_id}": "de-prod",
    "{name}": "prod",
    "{server}": "web",
    "{digest}": "a" * 64,
    "{image_id}": "im-" + "a" * 22,
}
OBJECTS = {Where.VOLUME: "volume", Where.DICT: "dict", Where.QUEUE: "queue"}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = Workspace(tmp_path)
    yield made
    made.close()


@pytest.fixture
def people(workspace: Workspace) -> People:
    return workspace.people


@pytest.fixture
def open_app(workspace: Workspace, people: People) -> FastAPI:
    return create_app(workspace, people.admins, people.members)


def client(app: FastAPI, made: dict[str, Any]) -> Client:
    return Client(app, {"Authorization": f"Bearer {made['token_id']}.{made['token_secret']}"})


def robot(people: People, **roles: str) -> dict[str, Any]:
    made = people.members.create_service("ci", OWNER)
    for environment, role in roles.items():
        people.members.set_environment_role(environment, "ci", role, OWNER)
    return made


def ask(asker: Client, route: str, workspace: Workspace) -> tuple[int, str]:
    """The status, and the words if it was refused. To be let through to what refuses for its own reasons is no refusal."""
    method, path = route.split()
    rule = RULES[route]
    if rule.where in OBJECTS:
        thing = workspace.things[OBJECTS[rule.where]]
        path = path.replace("{object_id}", thing).replace("{volume_id}", thing)
    for name, value in FILLED.items():
        path = path.replace(name, value)
    query = "?environment=prod" if rule.where in (Where.QUERY, Where.APP) else ""
    body = {"environment": "prod"} if rule.where is Where.BODY else {}
    answer = asker.request(method, path + query, **({} if method == "GET" else {"json": body}))
    words = answer.json()["error"]["message"] if answer.status_code == 403 else ""
    return (409 if "can't make tokens" in words else answer.status_code), words


@pytest.mark.parametrize("route", RULES)
def test_who_has_no_role_gets_through_to_nothing_but_what_a_token_is_enough_for(
    open_app: FastAPI, workspace: Workspace, route: str
) -> None:
    status, words = ask(client(open_app, robot(workspace.people)), route, workspace)
    assert (status == 403) == (RULES[route].need is not Need.TOKEN), words


@pytest.mark.parametrize("route", RULES)
def test_a_role_counts_in_the_environment_that_the_wish_is_about(
    open_app: FastAPI, workspace: Workspace, route: str
) -> None:
    people = workspace.people
    elsewhere = client(open_app, robot(people, main="contributor"))
    status, words = ask(elsewhere, route, workspace)
    anywhere = RULES[route].where is Where.ANYWHERE
    assert (status == 403) == (RULES[route].need is not Need.TOKEN and not anywhere), words
    people.members.set_environment_role("prod", "ci", "viewer", OWNER)
    assert (ask(elsewhere, route, workspace)[0] == 403) == (
        RULES[route].need not in (Need.TOKEN, Need.VIEW) and not anywhere
    )
    people.members.set_environment_role("prod", "ci", "contributor", OWNER)
    assert (ask(elsewhere, route, workspace)[0] == 403) == (RULES[route].need in (Need.MANAGE, Need.OWN))


@pytest.mark.parametrize("route", RULES)
def test_a_manager_gets_through_to_all_but_what_is_for_owners(open_app: FastAPI, workspace: Workspace, route: str) -> None:
    manager = client(open_app, workspace.people.members.create_user("boss", "manager", OWNER))
    assert (ask(manager, route, workspace)[0] == 403) == (RULES[route].need is Need.OWN)


def test_a_route_without_a_line_in_the_table_is_for_owners_only(
    workspace: Workspace, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeport.api.rules.RULES", {})
    app = create_app(workspace, people.admins, people.members)
    made = {role: people.members.create_user(role, role, OWNER) for role in ("owner", "manager", "member")}
    assert [client(app, made[role]).get("/v1/status").status_code for role in made] == [200, 403, 403]


def test_an_id_of_another_environment_is_judged_there(open_app: FastAPI, people: People) -> None:
    asker = client(open_app, robot(people, main="contributor"))
    paths = ["/apps/ap-prod", "/containers?app=ap-prod", "/containers/ta-prod/logs?environment=main", "/servers/ap-prod/web"]
    for path in paths:
        assert asker.get(f"/v1{path}").status_code == 403, path
    assert asker.get("/v1/apps/hello").status_code == 200
    assert asker.post("/v1/containers/ta-prod/stop").json()["error"] == {
        "code": "permission_denied",
        "message": "Service user 'ci' has the role no-access in the environment 'prod', and this takes contributor. "
        "Ask a manager for it: `homeport environment roles update prod ci contributor`.",
    }


@pytest.mark.parametrize(
    ("named", "status"), [(("prod", "main"), 200), (("main", "prod"), 403)], ids=["the last one is open", "it is closed"]
)
def test_an_environment_that_is_named_twice_is_judged_as_it_is_used(
    open_app: FastAPI, people: People, named: tuple[str, str], status: int
) -> None:
    asker = client(open_app, robot(people, main="contributor"))
    fields = ", ".join(f'"environment": "{name}"' for name in named)
    body = f'{{"name": "shop", "request_id": "r", {fields}}}'
    assert asker.post("/v1/apps", content=body, headers={"Content-Type": "application/json"}).status_code == status
    assert [request.environment for _, request in open_app.state.platform.asked] == ["main"] * (status == 200)


def test_only_environments_that_one_may_see_are_listed(open_app: FastAPI, people: People) -> None:
    asker = client(open_app, robot(people, main="viewer"))
    assert [each["name"] for each in asker.get("/v1/environments").json()["environments"]] == ["main"]
    assert asker.get("/v1/me").json() == {
        "name": "ci",
        "kind": "service",
        "role": "none",
        "roles": {"main": "viewer", "prod": "no-access"},
    }


def test_the_actor_is_whoever_the_token_stands_for(open_app: FastAPI, people: People) -> None:
    asker = client(open_app, robot(people, main="contributor"))
    assert asker.post("/v1/apps/hello/stop").status_code == 200
    assert open_app.state.platform.asked == [("stop_app", "hello", "main", "ci")]


def test_tokens_and_members_from_their_beginning_to_their_end(open_app: FastAPI, people: People) -> None:
    token = people.admins.ensure_admin()
    admin = client(open_app, {"token_id": token.token_id, "token_secret": token.secret})
    made = admin.post("/v1/workspace/proxy-tokens", json={"name": "front", "environments": ["prod"]}).json()
    assert made["token_secret"].startswith("ws-")
    path = f"/v1/workspace/proxy-tokens/{made['token_id']}"
    assert admin.request("PATCH", "/v1/workspace", json={"rbac": True}).json() == {"name": "home", "rbac": True}
    assert admin.put(f"{path}/environments/main").json()["environments"] == ["main", "prod"]
    assert admin.request("DELETE", f"{path}/environments/prod").json()["environments"] == ["main"]
    assert admin.request("PATCH", path, json={"name": "x"}).json()["name"] == "x"
    assert "token_secret" not in admin.get("/v1/workspace/proxy-tokens").json()["proxy_tokens"][0]
    assert admin.request("DELETE", path).json() == {"token_id": made["token_id"]}
    assert admin.request("DELETE", path).status_code == 404
    ann = admin.post("/v1/workspace/members", json={"name": "ann"}).json()
    own = client(open_app, ann).post("/v1/workspace/tokens", json={}).json()
    assert client(open_app, own).get("/v1/status").status_code == 200
    assert admin.request("DELETE", "/v1/workspace/members/ann").json() == {"name": "ann"}
    refused = client(open_app, own).get("/v1/status")
    assert (refused.status_code, "was revoked" in refused.json()["error"]["message"]) == (401, True)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Bearer ak-x", "(the secret is missing)"),
        ("Bearer wk-x.ws-y", "This is a proxy token (wk-…), which is good for Servers only"),
    ],
)
def test_credentials_that_can_not_be_are_told_why(open_app: FastAPI, header: str, words: str) -> None:
    answer = Client(open_app).get("/v1/status", headers={"Authorization": header})
    assert (answer.status_code, words in answer.json()["error"]["message"]) == (401, True), answer.text


def test_two_authorization_headers_are_refused_even_if_one_is_good(open_app: FastAPI, people: People) -> None:
    token = people.admins.ensure_admin()
    good = f"Bearer {token.token_id}.{token.secret}"
    answer = Client(open_app).get("/v1/status", headers=[("Authorization", good), ("Authorization", "Bearer a.b")])
    assert (answer.status_code, "2 Authorization headers" in answer.json()["error"]["message"]) == (401, True)
