"""Who gets through to which route: the whole table, with real members on a real journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket

from control.people import People
from homeport.api.app import create_app
from homeport.api.rules import RULES, Rule, Where
from homeport.control.access import Need
from homeport.control.environments import Update
from homeport.control.members import OWNER
from homeport.manifest import codec
from homeport.manifest.schema import AppManifest, Entry, ImageRecipe, SecretRef, ServerSpec, VolumeMount

from .client import Client
from .workspace import Workspace

FILLED = {
    "{app}": "ap-prod",
    "{container_id}": "ta-prod",
    "{request_id}": "de-prod",
    "{name}": "prod",
    "{server}": "web",
    "{server_id}": "fu-prod",
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


def wrongly(asker: Client, workspace: Workspace, refused: Callable[[Rule], bool]) -> list[str]:
    """The routes that refuse when they should not, or don't when they should."""
    return [
        f"{route}: {status} {words}"
        for route, rule in RULES.items()
        for status, words in [ask(asker, route, workspace)]
        if (status == 403) != refused(rule)
    ]


def test_who_has_no_role_gets_through_to_nothing_but_what_a_token_is_enough_for(
    open_app: FastAPI, workspace: Workspace
) -> None:
    nobody = client(open_app, robot(workspace.people))
    assert wrongly(nobody, workspace, lambda rule: rule.need is not Need.TOKEN) == []


def test_a_role_counts_in_the_environment_that_the_wish_is_about(open_app: FastAPI, workspace: Workspace) -> None:
    people = workspace.people
    asker = client(open_app, robot(people, main="contributor"))
    assert wrongly(asker, workspace, lambda rule: rule.need is not Need.TOKEN and rule.where is not Where.ANYWHERE) == []
    people.members.set_environment_role("prod", "ci", "viewer", OWNER)
    open_to_viewers = (Need.TOKEN, Need.VIEW)
    assert (
        wrongly(asker, workspace, lambda rule: rule.need not in open_to_viewers and rule.where is not Where.ANYWHERE) == []
    )
    people.members.set_environment_role("prod", "ci", "contributor", OWNER)
    assert wrongly(asker, workspace, lambda rule: rule.need in (Need.MANAGE, Need.OWN)) == []


def test_a_manager_gets_through_to_all_but_what_is_for_owners(open_app: FastAPI, workspace: Workspace) -> None:
    manager = client(open_app, workspace.people.members.create_user("boss", "manager", OWNER))
    assert wrongly(manager, workspace, lambda rule: rule.need is Need.OWN) == []


@pytest.mark.parametrize("kind", ["volumes", "dicts", "queues"])
def test_a_viewer_finds_what_is_there_and_makes_nothing(open_app: FastAPI, people: People, kind: str) -> None:
    viewer = client(open_app, robot(people, prod="viewer"))
    body = {"name": "data", "environment": "prod"}
    assert viewer.post(f"/v1/{kind}/resolve", json=body).status_code == 200
    assert viewer.post(f"/v1/{kind}/resolve", json={**body, "name": "new"}).status_code == 404
    making = viewer.post(f"/v1/{kind}/resolve", json={**body, "name": "new", "create_if_missing": True})
    assert (making.status_code, "this takes contributor" in making.text) == (403, True)


def manifest_with(things: dict[str, str], *, read_only: bool = False, secret: bool = False) -> dict[str, Any]:
    """Of an App that has the Volume, or the Secret, of `prod`."""
    spec = ServerSpec(
        "web",
        Entry("web", "Web", "web.py"),
        ImageRecipe(),
        port=8000,
        secrets=(SecretRef(things["secret"], "data"),) if secret else (),
        volumes=() if secret else (VolumeMount("/data", things["volume"], "data", read_only),),
    )
    return codec.to_json(AppManifest("shop", (spec,), "a" * 64))


@pytest.mark.parametrize(
    ("role", "options", "words"),
    [
        ("contributor", {}, ""),
        ("contributor", {"secret": True}, ""),
        ("viewer", {"read_only": True}, ""),
        ("viewer", {}, "It uses the Volume 'data'. Service user 'ci' has the role viewer in the environment 'prod'"),
        ("viewer", {"secret": True}, "It uses the Secret 'data'. Service user 'ci' has the role viewer"),
        ("no-access", {"read_only": True}, "It uses the Volume 'data'. Service user 'ci' has the role no-access"),
    ],
)
def test_an_app_gets_of_another_environment_only_what_its_deployer_may_have_there(
    open_app: FastAPI, workspace: Workspace, role: str, options: dict[str, bool], words: str
) -> None:
    asker = client(open_app, robot(workspace.people, main="contributor", prod=role))
    body = {"manifest": manifest_with(workspace.things, **options), "environment": "main"}
    for path, more in (("/v1/deployments", {"request_id": "r"}), ("/v1/deployments/plan", {})):
        answer = asker.post(path, json={**body, **more})
        assert (answer.status_code == 403, words in answer.text) == (bool(words), True), answer.text


def test_a_restricted_environment_gives_nothing_to_apps_of_others_whoever_deploys_them(
    open_app: FastAPI, workspace: Workspace
) -> None:
    manager = client(open_app, workspace.people.members.create_user("boss", "manager", OWNER))
    workspace.environments.update("prod", Update(restricted=True), "o")
    body = {"manifest": manifest_with(workspace.things, secret=True), "request_id": "r"}
    refused = manager.post("/v1/deployments", json={**body, "environment": "main"})
    assert refused.json()["error"]["message"] == (
        "An App in the environment 'main' can't have the Secret 'data', which is in 'prod': that environment is restricted. "
        "Make one in 'main'."
    )
    assert manager.post("/v1/deployments", json={**body, "environment": "prod"}).status_code == 200


def test_an_image_is_not_built_with_what_its_builder_may_not_have(open_app: FastAPI, workspace: Workspace) -> None:
    asker = client(open_app, robot(workspace.people, main="contributor", prod="viewer"))
    step = {"method": "run_commands", "lines": ["RUN env"], "secrets": [{"secret_id": workspace.things["secret"]}]}
    refused = asker.post("/v1/images/build", json={"recipe": {"steps": [step]}})
    assert (refused.status_code, "It uses the Secret 'data'." in refused.text) == (403, True)


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
    paths.append("/servers/fu-prod")
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


def test_a_websocket_is_let_in_nowhere(open_app: FastAPI) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    @open_app.websocket("/v1/forgotten")
    async def forgotten(websocket: WebSocket) -> None:
        await websocket.accept()

    scope = {"type": "websocket", "path": "/v1/forgotten", "headers": [], "query_string": b"", "subprotocols": []}
    asyncio.run(open_app(scope, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
