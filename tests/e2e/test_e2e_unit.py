"""The App is the unit of deployment: its Servers change together, its versions come one after the other, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e_harness import Answer, Box, wait_until
from e2e_load import Load
from e2e_sources import server

from homeport.client.config import Choice, find
from homeport.client.http import Client
from homeport.errors import Error

BROKEN_STEP = {"method": "run_commands", "lines": ["RUN echo fetching weights && ls /nowhere"]}


def client(box: Box) -> Client:
    return Client(find(Choice(data_dir=box.data_dir)))


def post(box: Box, manifest: dict[str, Any]) -> tuple[list[str], Error | None]:
    """What a client that sends this manifest is told: lines of builds, and the error."""
    lines: list[str] = []
    with client(box) as connected:
        request = {"manifest": manifest, "strategy": "rolling", "environment": "main", "request_id": "r" * 32}
        try:
            for event in connected.deploy(request, wait=True):
                lines += [event.data["line"]] if event.name == "build" else []
        except Error as error:
            return lines, error
    return lines, None


def state(box: Box, app: str) -> tuple[object, ...]:
    """All that a deploy could change."""
    info = box.json("app", "info", app)
    return info["lifecycle"], info["servers"], box.json("app", "history", app), box.containers(app, "--all")


def two_servers(text: str, other: str, name: str = "pair") -> str:
    """An App whose second Server differs in nothing but a variable of its environment."""
    first = server(name, text, enter='print("I am", type(self).__name__, flush=True); serve()')
    second = first[first.index("@app.server") :].replace("class Server", "class Other")
    return first + "\n\n" + second.replace("cpu=0.05", f'cpu=0.05, env={{"OF": "{other}"}}')


def test_a_change_in_one_server_replaces_the_containers_of_both(box: Box) -> None:
    """Check 11.2."""
    box.deploy("pair", two_servers("one", "first"))
    old = {c["container_id"] for c in box.containers("pair")}
    assert len(old) == 2
    box.deploy("pair", two_servers("one", "second"))
    wait_until(lambda: len(box.containers("pair")) == 2, "the end of the old containers")
    new = box.containers("pair")
    assert {(c["server"], c["version"], c["state"]) for c in new} == {("Server", 2, "ready"), ("Other", 2, "ready")}
    assert not old & {c["container_id"] for c in new}
    assert [entry["version"] for entry in box.json("app", "history", "pair")] == [2, 1]


def test_the_log_of_one_server_is_asked_for_by_its_id(box: Box) -> None:  # 1.9.4
    box.deploy("speakers", two_servers("one", "first", "speakers"))
    ids = {name: server["id"] for name, server in box.json("app", "info", "speakers")["servers"].items()}
    # the platform may have said something as well: how the first containers of an image were started
    say = ("app", "logs", "speakers", "--source", "stdout")
    wait_until(lambda: len(box.ok(*say).splitlines()) == 2, "what both have said")
    both = box.ok(*say, "--show-function-id").splitlines()
    assert sorted(both) == sorted(f"{ids[name]} I am {name}" for name in ("Server", "Other"))
    assert box.ok(*say, "--function", ids["Other"]) == "I am Other\n"
    unknown = box.run("app", "logs", "speakers", "--function", "fu-nobody")
    assert (unknown.code, unknown.out) == (1, "")
    assert "App 'speakers' has no Server with the id 'fu-nobody'" in unknown.err


def test_a_failing_image_build_shows_its_step_and_changes_nothing(box: Box) -> None:
    """Check 11.3."""
    url = box.deploy("builds", server("builds", "one"))
    before = state(box, "builds")
    manifest = manifest_of(box, "builds")
    manifest["servers"][0]["image"] = {"steps": [BROKEN_STEP]}
    with Load(url) as load:
        load.more()
        lines, error = post(box, manifest)
        load.more()
    assert error is not None
    assert error.code == "image_build"
    assert "step 2 of 2: RUN echo fetching weights && ls /nowhere" in error.message
    assert {"fetching weights", "ls: cannot access '/nowhere': No such file or directory"} <= set(lines)
    assert (load.failures, set(load.answers)) == ([], {"one"})
    assert state(box, "builds") == before


def manifest_of(box: Box, app: str) -> dict[str, Any]:
    """The manifest of what runs, as the platform keeps it."""
    name = f'"name":"{app}"'.encode()
    files = [path for path in (box.data_dir / "blobs").rglob("*") if path.is_file()]
    found = [content for content in (path.read_bytes() for path in files) if content.startswith(b"{") and name in content]
    manifest: dict[str, Any] = json.loads(found[-1])
    return manifest


@pytest.mark.parametrize("first_ends", ["superseded", "live"])
def test_two_deploys_of_one_app_at_once_come_one_after_the_other(box: Box, first_ends: str) -> None:
    """The later one wins, also over one whose containers are still starting; each is told what became of it."""
    app = f"race-{first_ends}"
    url = box.deploy(app, server(app, "zero"))
    enter = "serve()" if first_ends == "live" else "held(); serve()"
    one = box.write("one/race.py", server(app, "one", enter=enter))
    two = box.write("two/race.py", server(app, "two"))
    with Load(url) as load, box.begin("deploy", str(one), "--json") as deploying:
        if first_ends == "superseded":
            wait_until(lambda: [c for c in box.containers(app) if c["version"] == 2], "the first to have begun")
        else:
            wait_until(lambda: len(box.json("app", "history", app)) == 2, "the first to be published")
            wait_until(lambda: box.json("app", "history", app)[0]["outcome"] == "live", "the first to be live")
            load.until("one")
        box.ok("deploy", str(two))
        _, err = deploying.communicate()
        load.until("two")
    outcomes = [(entry["version"], entry["outcome"]) for entry in box.json("app", "history", app)]
    assert outcomes == [(3, "live"), (2, "superseded"), (1, "superseded")]
    assert load.failures == []
    assert ("one" in load.answers) is (first_ends == "live")
    assert deploying.returncode == (0 if first_ends == "live" else 1)
    assert ("did not become live: superseded by v" in err) is (first_ends == "superseded")
    assert box.get(url) == Answer(200, "two")


def test_deploys_that_start_together_are_versions_of_their_own_and_none_is_mixed(box: Box) -> None:
    url = box.deploy("crowd", server("crowd", "zero"))
    paths = [box.write(f"{text}/crowd.py", server("crowd", text)) for text in ("one", "two", "three")]
    running = [box.begin("deploy", str(path), "--json") for path in paths]
    said = [process.communicate() for process in running]
    entries = box.json("app", "history", "crowd")
    assert [entry["version"] for entry in entries] == [4, 3, 2, 1]
    assert [entry["outcome"] for entry in entries] == ["live", *["superseded"] * 3]
    told = {json.loads(out)["version"]: json.loads(out)["state"] for out, _ in said}
    assert set(told) == {2, 3, 4}
    assert told[4] == "live"
    (winner,) = [path.parent.name for path, (out, _) in zip(paths, said, strict=True) if json.loads(out)["version"] == 4]
    wait_until(lambda: [c["version"] for c in box.containers("crowd")] == [4], "the others to end")
    assert box.get(url) == Answer(200, winner)


MISDEEDS = {
    "another digest": lambda m: m.update(source="0" * 64),
    "a path out of the folder": lambda m: m["servers"][0].update(mounts=[{"target": "/root/../etc", "tree": m["source"]}]),
    "no Servers that could be told apart": lambda m: m["servers"].append(m["servers"][0]),
    "a field that nobody knows": lambda m: m.update(privileged=True),
    "a name that is none": lambda m: m.update(name="a b"),
    "a port below 1": lambda m: m["servers"][0].update(port=-1),
    "an image that nobody knows": lambda m: m["servers"][0].update(image={"base": "no_such_base"}),
    "files that are no tree": lambda m: m.update(source=["app.py"]),
    "a schema of the future": lambda m: m.update(schema=99, schema_version=99),
}


@pytest.mark.parametrize("kind", MISDEEDS)
def test_a_manifest_edited_by_hand_is_refused_in_words_and_changes_nothing(box: Box, kind: str) -> None:
    box.deploy("edited", server("edited", "one"))
    before = state(box, "edited")
    manifest = manifest_of(box, "edited")
    MISDEEDS[kind](manifest)
    _, error = post(box, manifest)
    assert error is not None
    assert error.code == "invalid", error
    assert "\n" not in error.message
    assert "Traceback" not in error.message
    assert state(box, "edited") == before
