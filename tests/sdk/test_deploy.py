"""A deploy from an App to an outcome, against a platform of a few lines."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import homeport
from homeport.errors import (
    ConflictError,
    ConnectionError,  # noqa: A004 - the public API's name for it
    DeployError,
    ExecutionError,
    ImageBuildError,
    InvalidError,
    NotFoundError,
)
from homeport.sdk import commit, deploy, uploads
from homeport.sdk.deploy import Options, RolloutFailedError
from homeport.sdk.events import (
    ContainerMoved,
    DeployedServer,
    DeployEvent,
    Mounted,
    Outcome,
    Progress,
    Published,
    Uploading,
    Warned,
)

from .conftest import SERVER, Load
from .platform import FakePlatform


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


@pytest.fixture(autouse=True)
def _no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "commit_info", lambda folder: None)


@pytest.fixture
def app(loading: Load) -> homeport.App:
    return loading("hello.py", SERVER).app


def run(app: homeport.App, platform: FakePlatform, **options: object) -> list[DeployEvent]:
    return list(deploy.deploy(app, Options(**options), platform.client()))  # type: ignore[arg-type]


def test_a_deploy_tells_each_step_and_ends_with_its_outcome(
    app: homeport.App, platform: FakePlatform, project: Path
) -> None:
    platform.before = [("progress", {"stage": "image", "message": "Building"}), ("from_the_future", {})]
    told = run(app, platform, tag="v1")
    assert told[:4] == [
        Mounted(str(project / "hello.py"), "/root/hello.py"),
        Uploading(1, len(SERVER)),
        Uploading(1, len(SERVER), len(SERVER)),
        Progress("image", "Building"),
    ]
    assert isinstance(told[4], Published)
    assert told[5:] == [
        ContainerMoved("ta-1", "Server", 1, "ready", ""),
        Outcome(
            app_id="ap-1",
            app_name="hello",
            version=1,
            state="live",
            noop=False,
            app_url="http://127.0.0.1:7300/apps/ap-1",
            servers=(DeployedServer("Server", "fu-1", "http://Server.localhost"),),
            duration_ms=412,
        ),
    ]
    request = platform.deployments[0]
    assert (request["environment"], request["tag"], request["strategy"], request["commit"]) == ("dev", "v1", "rolling", None)
    assert request["client_version"] == homeport.__version__
    assert len(request["request_id"]) == 32


def test_a_second_deploy_of_the_same_changes_nothing_and_sends_nothing(app: homeport.App, platform: FakePlatform) -> None:
    run(app, platform)
    told = run(app, platform)
    assert [type(event) for event in told] == [Mounted, Published, Outcome]
    assert isinstance(told[-1], Outcome)
    assert (told[-1].noop, told[-1].state, told[-1].version) == (True, "unchanged", 1)
    assert platform.puts == 2  # the file, and the tree that it is in


def test_files_of_one_content_are_sent_once(loading: Load, project: Path, platform: FakePlatform) -> None:
    (project / "pkgd").mkdir()
    for number in range(30):
        (project / f"pkgd/f{number}.txt").write_text(str(number % 10))
    (project / "pkgd/mod.py").write_text(SERVER)
    run(loading("pkgd.mod", module=True).app, platform)
    assert platform.puts == 12
    assert platform.batches == 1


def test_not_waiting_ends_when_it_is_published(app: homeport.App, platform: FakePlatform) -> None:
    last = run(app, platform, wait=False)[-1]
    assert isinstance(last, Outcome)
    assert last.state == "published"


def test_a_version_that_does_not_become_live_is_an_error_with_its_last_lines(
    app: homeport.App, platform: FakePlatform
) -> None:
    platform.settled = {"state": "failed", "reason": "port 8000 did not open in 30 s", "log_tail": ["a", "b"]}
    with pytest.raises(RolloutFailedError) as caught:
        run(app, platform)
    assert caught.value.message == "Version v1 of App 'hello' did not become live: port 8000 did not open in 30 s."
    assert caught.value.log_tail == ("a", "b")
    assert isinstance(caught.value, DeployError)
    app._tags["a"] = "b"
    with pytest.raises(RolloutFailedError, match="The version before it goes on"):
        run(app, platform)


def test_being_overtaken_is_an_outcome(app: homeport.App, platform: FakePlatform) -> None:
    platform.settled = {"state": "superseded", "reason": "v2 took over"}
    last = run(app, platform)[-1]
    assert isinstance(last, Outcome)
    assert last.state == "superseded"


def test_a_build_that_fails_is_told_as_such(app: homeport.App, platform: FakePlatform) -> None:
    platform.before = [("build", {"line": "E: boom"}), ("error", {"code": "image_build", "message": "Image build failed."})]
    with pytest.raises(ImageBuildError, match="Image build failed"):
        run(app, platform)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strategy": "blue"}, "Deployment strategy must be 'rolling' or 'recreate', not 'blue'"),
        ({"tag": "a b"}, "Deployment tag 'a b' is invalid."),
    ],
)
def test_a_wrong_strategy_or_tag_is_refused_before_anything_is_sent(
    app: homeport.App, platform: FakePlatform, options: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        run(app, platform, **options)
    assert caught.value.message.startswith(words)
    assert (platform.puts, platform.deployments) == (0, [])


def test_a_file_that_changes_during_the_upload_publishes_nothing(
    app: homeport.App, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploads._send_batch

    def change_first(calls: Any, batch: Any, sent: Any) -> None:
        Path("hello.py").write_text("changed")
        put(calls, batch, sent)

    monkeypatch.setattr(uploads, "_send_batch", change_first)
    with pytest.raises(ConflictError, match=r"hello\.py was modified during the deploy"):
        run(app, platform)
    assert (platform.blobs, platform.deployments) == ({}, [])


def test_a_commit_that_can_not_be_kept_is_a_warning(
    app: homeport.App, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = commit.parse("# branch.head main\n", f"{'0' * 40}\n1\n{'a' * 201}\nmail\n", "")
    monkeypatch.setattr(commit, "commit_info", lambda folder: info)
    assert any(isinstance(event, Warned) for event in run(app, platform))
    assert platform.deployments[0]["commit"] is None


def test_a_commit_is_sent_along(app: homeport.App, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    info = commit.parse("# branch.head main\n", f"{'0' * 40}\n1\nAda\nmail\n", "")
    monkeypatch.setattr(commit, "commit_info", lambda folder: info)
    run(app, platform)
    assert platform.deployments[0]["commit"] == info


def test_app_deploy_returns_itself_and_its_servers_know_their_urls(app: homeport.App, platform: FakePlatform) -> None:
    server = app.registered_servers["Server"]
    with pytest.raises(ExecutionError, match="is not deployed yet"):
        server.get_url()
    assert app.app_id is None
    assert app.deploy(client=platform.client()) is app
    assert app.app_id == "ap-1"
    assert server.get_url() == "http://Server.localhost"
    assert server.info()["port"] == 8000


def test_the_asynchronous_forms_do_the_same(app: homeport.App, platform: FakePlatform) -> None:
    async def inside() -> str:
        deployed = await app.deploy.aio(client=platform.client(), name="hello")
        return await deployed.registered_servers["Server"].get_url.aio()

    assert asyncio.run(inside()) == "http://Server.localhost"


def test_a_blocking_call_works_where_a_loop_runs(app: homeport.App, platform: FakePlatform) -> None:
    async def notebook() -> homeport.App:
        return app.deploy(client=platform.client())

    assert asyncio.run(notebook()).app_id == "ap-1"


def test_a_server_by_name_is_looked_up_when_it_is_used(app: homeport.App, platform: FakePlatform) -> None:
    found = homeport.Server.from_name("hello", "Server", client=platform.client())
    with pytest.raises(NotFoundError, match="No Server 'Server' in App 'hello'"):
        found.get_url()
    app.deploy(client=platform.client())
    assert found.get_url() == "http://Server.localhost"


def test_without_a_platform_a_deploy_says_what_to_do(
    app: homeport.App, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(project))
    monkeypatch.setenv("HOMEPORT_DATA_DIR", str(project / "nothing"))
    with pytest.raises(ConnectionError, match=r"No platform is running in .*nothing; start one with `homeport up`"):
        app.deploy()


@pytest.mark.parametrize("reason", ["superseded by v2", "the App was stopped"])
def test_a_version_that_was_overtaken_before_it_was_live_is_an_error(
    app: homeport.App, platform: FakePlatform, reason: str
) -> None:
    platform.settled = {"state": "superseded", "reason": reason}
    with pytest.raises(DeployError) as caught:
        app.deploy(client=platform.client())
    assert caught.value.message == (
        f"Version v1 of App 'hello' did not become live: {reason}; see `homeport app history hello`."
    )
    assert app.app_id is None


def test_old_containers_that_did_not_end_are_a_warning(app: homeport.App, platform: FakePlatform) -> None:  # 1.4.13
    platform.settled["containers_left"] = 2
    with pytest.warns(UserWarning, match="containers did not all terminate") as caught:
        assert app.deploy(client=platform.client(), strategy="recreate") is app
    assert caught[0].filename == __file__


def test_an_app_goes_back_and_over_to_new_containers(app: homeport.App, platform: FakePlatform) -> None:  # 1.6, 1.7
    app.deploy(client=platform.client())
    assert app.rollback() is app
    assert app.rollback(3, strategy="recreate", client=platform.client()) is app
    assert asyncio.run(app.rollover.aio()) is app
    said = [(kind, body.get("version"), body["strategy"]) for kind, body in platform.redeployments]
    assert said == [("rollback", None, "rolling"), ("rollback", 3, "recreate"), ("rollover", None, "rolling")]
    for again in (app.rollback, app.rollover):
        platform.settled = {"state": "failed", "reason": "it ended", "log_tail": []}
        with pytest.raises(DeployError, match="did not become live: it ended"):
            again()
        platform.settled = {"state": "superseded", "reason": "superseded by v9"}
        with pytest.raises(DeployError, match="did not become live: superseded by v9"):
            again()
    with pytest.raises(InvalidError, match="must be 'rolling' or 'recreate'"):
        app.rollover(strategy="blue")


def test_an_app_that_is_not_deployed_goes_nowhere(app: homeport.App) -> None:
    for wish in (app.rollback, app.rollover):
        with pytest.raises(ExecutionError, match="App 'hello' is not deployed yet"):
            wish()


def test_a_server_is_had_by_its_id_and_asked_when_it_is_used(app: homeport.App, platform: FakePlatform) -> None:  # 2.4.1
    server = homeport.Server.from_id("fu-1", client=platform.client())
    with pytest.raises(NotFoundError):
        server.get_url()
    run(app, platform)
    assert server.get_url() == "http://Server.localhost"
    assert server.info(refresh=True)["port"] == 8000
    assert asyncio.run(server.info.aio()) == server.info()
    assert repr(server) == "<Server 'Server'>"
