"""`homeport server deploy`: from options to the manifest that is sent, and what is refused before anybody is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import FakePlatform, Result
from .test_deploy import published, settled

Cli = Callable[..., Result]
REFERENCE = "ghcr.io/traefik/whoami:v1.10"
DEPLOY = ("server", "deploy", "--image", REFERENCE, "--port", "80")


@pytest.fixture
def ready(platform: FakePlatform) -> FakePlatform:
    """Nothing is deployed or published yet, and every deployment goes well."""
    platform.answers["GET /v1/images/names"] = {"names": []}
    platform.answers["POST /v1/deployments"] = [published(app_name="whoami"), settled("live")]
    return platform


def server(platform: FakePlatform) -> dict[str, Any]:
    """The only Server of the manifest that was sent."""
    (asked,) = [request for request in platform.asked if request.path == "/v1/deployments"]
    (found,) = asked.body["manifest"]["servers"]
    return dict(found)


def test_an_image_of_a_registry_runs_what_it_is_made_to_run(cli: Cli, ready: FakePlatform) -> None:
    result = cli(*DEPLOY, "--unauthenticated", "--env-var", "A=b=c", "--cpu", "0.5,1", "--memory", "256")
    assert result.code == 0, result.err
    found = server(ready)
    assert (found["name"], found["port"], found["unauthenticated"]) == ("Server", 80, True)
    assert found["entry"] == {"module": "", "qualname": ""}
    assert found.get("command", []) == []
    assert found["image"]["base"] == "registry"
    assert found["image"]["reference"] == "ghcr.io/traefik/whoami:v1.10"
    assert found["env"] == [["A", "b=c"]]
    assert (found["resources"]["cpu_milli"], found["resources"]["cpu_limit_milli"]) == (500, 1000)
    (asked,) = [request for request in ready.asked if request.path == "/v1/deployments"]
    assert asked.body["manifest"]["name"] == "whoami"
    assert asked.body["manifest"].get("source", "") == ""


@pytest.mark.parametrize(
    ("known", "asked", "base"),
    [
        ("ghcr.io/traefik/whoami:v1.10", "ghcr.io/traefik/whoami:v1.10", "named"),
        ("ghcr.io/traefik/whoami:latest", "ghcr.io/traefik/whoami", "named"),
        ("ghcr.io/traefik/whoami:latest", "ghcr.io/traefik/whoami:v1.10", "registry"),
        ("ghcr.io/traefik/whoami:v1.10", "ghcr.io/traefik/whoami", "registry"),
        ("whoami:latest", "localhost:5000/whoami", "registry"),
    ],
)
def test_what_was_published_here_goes_before_a_registry(
    cli: Cli, ready: FakePlatform, known: str, asked: str, base: str
) -> None:
    name = {"name": known, "image_id": "im-1", "published_at": "", "published_by": "ann"}
    ready.answers["GET /v1/images/names"] = {"names": [name]}
    assert cli(*(asked if word == REFERENCE else word for word in DEPLOY)).code == 0
    assert server(ready)["image"]["base"] == base


def test_an_entrypoint_clears_the_command_and_a_command_alone_does_not_touch_the_entrypoint(
    cli: Cli, ready: FakePlatform
) -> None:
    assert cli(*DEPLOY, "--entrypoint", "/bin/serve --quiet", "--cmd", "'a b' c").code == 0
    assert server(ready)["command"] == ["/bin/serve", "--quiet", "a b", "c"]
    ready.asked.clear()
    assert cli(*DEPLOY, "--cmd", "serve --port 80").code == 0
    found = server(ready)
    assert found.get("command", []) == []
    assert found["image"]["steps"][-1]["lines"] == ['CMD ["serve", "--port", "80"]']


def test_an_app_that_is_there_is_only_replaced_when_somebody_says_yes(cli: Cli, ready: FakePlatform) -> None:
    ready.answers["GET /v1/apps/whoami"] = {"lifecycle": {"state": "deployed"}}
    result = cli(*DEPLOY, "--json")
    assert (result.code, result.out) == (1, "")
    assert "already deployed. Redeploying replaces everything in it." in result.err
    assert "POST /v1/deployments" not in ready.paths()
    assert cli(*DEPLOY, "--yes").code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--env-var", "A"], "--env-var has to be like KEY=VALUE"),
        (["--volume", "data"], "--volume has to be like NAME:/path"),
        (["--volume", "a:/data", "--volume", "b:/data"], "two Volumes can't be at the same path"),
        (["--cpu", "1,2,3"], "--cpu has to be a number, or a request and a limit"),
        (["--max-containers", "many"], "--max-containers has to be a number or none"),
        (["--cmd", "'half"], "can't be split into words"),
        (["--entrypoint", ""], "nothing would run"),
        (["--registry-secret", "a", "--registry-secret-from-env", "B"], "can't be used together"),
        (["--registry-secret-from-env", "HOMEPORT_NOT_SET"], "HOMEPORT_NOT_SET"),
        (["--secret-from-env", ","], "has to name variables"),
        (["--sessioned", "--max-concurrency", "1001"], "1000 sessions per container at most"),
    ],
)
def test_options_that_can_not_be_meant_are_refused_before_anything_is_sent(
    cli: Cli, ready: FakePlatform, options: list[str], words: str
) -> None:
    result = cli(*DEPLOY, *options)
    assert result.code != 0
    assert words in result.err
    assert "POST /v1/deployments" not in ready.paths()
