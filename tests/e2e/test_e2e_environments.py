"""Environments, the end of an App, and what is collected after it: on a real platform, through the command line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_harness import Box, kill, running
from e2e_sources import server

STOPPED = "app for invoked web endpoint is stopped"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Box]:
    """A platform for one test, which may restart it."""
    with running(tmp_path) as started:
        yield started


def restart(box: Box, **settings: int) -> None:
    box.down()
    box.settle("".join(f"{name} = {value}\n" for name, value in settings.items()))
    box.up()


def age(box: Box) -> None:
    """All files were last used ten minutes ago."""
    at = time.time() - 600
    for folder in ("blobs", "sources"):
        for path in (box.data_dir / folder).rglob("*"):
            os.utime(path, (at, at))


def gc(box: Box, *options: str) -> dict[str, int]:
    """Counts by kind, of those that there was something of."""
    return {kind["kind"]: kind["count"] for kind in box.json("gc", *options)["kinds"] if kind["count"]}


def test_the_same_name_in_two_environments_is_two_apps_with_two_urls(box: Box) -> None:
    box.ok("environment", "create", "Dev")
    main, dev = box.deploy("twice", server("twice", "main")), box.deploy("twice", server("twice", "dev"), "--env", "Dev")
    assert dev == main.replace("home--", "home-dev--")
    assert (box.get(main).text, box.get(dev).text) == ("main", "dev")
    seen = box.run("app", "list", "--json", HOMEPORT_ENVIRONMENT="Dev")
    assert [name for name in ("twice", "exits") if f'"{name}"' in seen.out] == ["twice"]
    box.ok("app", "stop", "twice", "-e", "Dev", "--yes")
    assert (box.get(main).status, box.get(dev).status) == (200, 404)
    listed = {line["name"]: (line["web_suffix"], line["apps"]) for line in box.json("environment", "list")}
    assert listed["Dev"] == ("dev", 0)
    assert listed["main"][0] == ""


def test_an_unknown_environment_is_one_line_that_says_how_to_make_it(box: Box) -> None:
    box.ok("environment", "create", "staging")
    path = box.write("nowhere.py", server("nowhere"))
    done = box.run("deploy", str(path), "-e", "stagign")
    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "Error: There is no environment 'stagign'. Did you mean staging? Make it with `homeport environment create stagign`."
    )


def test_an_environment_with_an_app_in_it_does_not_change_and_does_not_go(box: Box) -> None:
    box.ok("environment", "create", "busy")
    box.deploy("worker", server("worker"), "-e", "busy")
    for command in (["delete", "busy", "-y"], ["update", "busy", "--set-name", "idle"]):
        done = box.run("environment", *command)
        assert (done.code, "Stop worker first (`homeport app stop worker -e busy`)." in done.err) == (1, True), done
    box.ok("app", "stop", "worker", "-e", "busy", "-y")
    box.ok("environment", "update", "busy", "--set-name", "idle")
    assert [app["description"] for app in box.json("app", "list", "-e", "idle")] == ["worker"]
    box.ok("environment", "delete", "idle", "-y")
    assert box.run("app", "list", "-e", "idle").code == 1


def test_a_stop_needs_a_yes_and_its_url_answers_404_in_words_ever_after(own: Box) -> None:
    """Check 11.16."""
    url = own.deploy("ends", server("ends"))
    done = own.run("app", "stop", "ends")
    assert (done.code, own.get(url).status) == (1, 200)
    assert done.out == ""
    assert done.err == (
        "Are you sure you want to stop App 'ends' in the 'main' environment?\n"
        "This will immediately terminate 1 running container(s).\n"
        "Aborted: no interactive terminal detected. Rerun with --yes (-y) to skip confirmation.\n"
    )
    assert own.ok("app", "stop", "ends", "--yes") == "✓ App 'ends' is stopped. 1 container ended.\n"
    assert own.containers("ends") == []
    gone = own.get(url)
    assert (gone.status, STOPPED in gone.text) == (404, True), gone
    again = own.run("app", "stop", "ends", "-y")
    assert again.code == 1
    assert again.err.startswith("Error: App is already stopped. (Stopped at 20")
    assert again.err.endswith(" by 'admin').\n")
    restart(own)
    assert own.get(url) == gone
    assert [line["version"] for line in own.json("app", "history", "ends")] == [1]
    own.deploy("ends", server("ends", "new"))
    assert [line["version"] for line in own.json("app", "history", "ends")] == [1]
    assert own.get(url).text == "new"


def test_garbage_goes_and_all_that_runs_or_can_be_rolled_back_to_stays(own: Box) -> None:
    policy = {"versions_kept": 2, "days_after_stop": 0, "gc_grace_minutes": 5}
    restart(own, **policy)
    url = own.deploy("keeps", server("keeps", "one"))
    for text in ("two", "three"):
        own.deploy("keeps", server("keeps", text), "--strategy", "recreate")
    stopped = own.deploy("passes", server("passes"))
    own.ok("app", "stop", "passes", "-y")
    assert gc(own) == {}  # all of it was just used
    age(own)
    restart(own, **policy)  # what blobs were asked for, only the process remembers
    would = gc(own, "--dry-run")
    assert would == {"blobs": 6, "sources": 2}  # v1 of one App and all of the other: a file, its manifest and its tree each
    assert gc(own) == would
    assert gc(own) == {}
    assert own.ok("gc") == "Nothing to collect.\n"
    assert own.get(url).text == "three"
    old = own.container("keeps")
    kill(own.processes_of(old["container_id"])["init"])
    own.replaced("keeps", old)
    own.answers(url, "three")
    own.ok("app", "rollback", "keeps", "v2")
    own.answers(url, "two")
    refused = own.run("app", "rollback", "keeps", "v1")
    assert (refused.code, "can't be had any more" in refused.err) == (1, True), refused
    assert STOPPED not in own.get(stopped).text
    assert [line["version"] for line in own.json("app", "history", "passes")] == [1]
    restart(own)
    own.answers(url, "two")


def test_a_deploy_beside_a_collection_gets_all_that_it_needs(own: Box) -> None:
    restart(own, versions_kept=1, gc_grace_minutes=5)
    url = own.deploy("both", server("both", "a"))
    for text in "babab":
        age(own)  # what the deploy is about to use again is as old as what has to go
        with own.begin("deploy", str(own.write("both.py", server("both", text))), "--strategy", "recreate") as deploy:
            while deploy.poll() is None:
                own.ok("gc")
            assert deploy.returncode == 0, deploy.stderr and deploy.stderr.read()
        assert own.get(url).text == text


def test_a_control_plane_killed_while_it_collects_leaves_nothing_broken(own: Box) -> None:
    restart(own, versions_kept=1, gc_grace_minutes=5)
    url = own.deploy("survives", server("survives", "old"))
    own.deploy("survives", server("survives", "new"), "--strategy", "recreate")
    age(own)
    with own.begin("gc") as collecting:
        kill(own.pids()["control"])
        collecting.wait()
    own.up()
    assert own.get(url).text == "new"
    age(own)
    own.ok("gc")
    assert gc(own) == {}
    old = own.container("survives")
    kill(own.processes_of(old["container_id"])["init"])
    own.replaced("survives", old)
    own.answers(url, "new")
