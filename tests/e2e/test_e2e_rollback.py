"""Back to an earlier version and over to new containers, from what the platform has stored alone."""

from __future__ import annotations

import json

import pytest
from e2e_harness import Answer, Box, wait_until
from e2e_load import Load
from e2e_sources import server


def history(box: Box, app: str) -> list[tuple[int, str, int | None, str]]:
    return [(e["version"], e["type"], e["rollback_version"], e["outcome"]) for e in box.json("app", "history", app)]


def test_a_rollback_needs_no_source_and_loses_no_request(box: Box) -> None:
    """Check 11.9. Check 11.12."""
    url = box.deploy("back", server("back", "one"), "--tag", "first")
    for text in ("two", "three"):
        box.deploy("back", server("back", text), "--tag", text)
    (box.root / "back.py").unlink()
    with Load(url) as load:
        load.until("three")
        assert box.ok("app", "rollback", "back").splitlines()[0] == "✓ Deployment rollback successful!"
        load.until("two")
    assert load.failures == []
    assert box.get(url) == Answer(200, "two")
    assert history(box, "back")[0] == (4, "rollback", 2, "live")
    old = {entry["version"]: entry for entry in box.json("app", "history", "back")}
    assert old[4]["tag"] == old[2]["tag"] == "two"
    assert old[4]["client"] == old[2]["client"]
    assert old[4]["deployed_by"] == "admin"


def test_a_second_rollback_goes_one_back_from_the_live_version(box: Box) -> None:
    """Check 11.10."""
    for text in ("one", "two", "three"):
        url = box.deploy("twice", server("twice", text))
    box.ok("app", "rollback", "twice")
    box.ok("app", "rollback", "twice")
    assert box.get(url) == Answer(200, "three")
    assert [line[:3] for line in history(box, "twice")[:2]] == [(5, "rollback", 3), (4, "rollback", 2)]


def test_a_rollback_brings_back_a_server_that_had_another_name(box: Box) -> None:
    """Check 11.13, as far as it concerns Servers; and Check 11.11 with `v1`."""
    text = server("renamed", "one")
    first = box.deploy("renamed", text.replace("class Server", "class Former"))
    second = box.deploy("renamed", text)
    assert first != second
    box.ok("app", "rollback", "renamed", "v1")
    assert box.get(first) == Answer(200, "one")
    wait_until(lambda: box.get(second).status == 404, "the newer name to be gone")
    assert list(box.json("app", "info", "renamed")["servers"]) == ["Former"]


@pytest.mark.parametrize(
    ("version", "code", "words"),
    [
        ("1", 2, "Invalid version '1'"),
        ("v0", 1, "Error: Invalid rollback version request."),
        ("v99", 1, "Error: Rollback version not found in App history."),
        (None, 1, "Error: Rollback request exceeds number of App deployments."),
    ],
)
def test_a_rollback_to_what_is_not_there_changes_nothing(box: Box, version: str | None, code: int, words: str) -> None:
    """Check 11.11."""
    name = f"only-{version}".lower()
    box.deploy(name, server(name))
    before = (box.containers(name), history(box, name))
    done = box.run("app", "rollback", name, *([version] if version else []))
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert (box.containers(name), history(box, name)) == before


@pytest.mark.parametrize("verb", ["rollback", "rollover"])
def test_a_stopped_app_is_neither_rolled_back_nor_over(box: Box, verb: str) -> None:
    """Check 11.14."""
    name = f"over-{verb}"
    for text in ("one", "two"):
        url = box.deploy(name, server(name, text))
    box.ok("app", "stop", name, "--yes")
    done = box.run("app", verb, name)
    assert done.code == 1
    assert done.err.splitlines()[-1] == f"Error: App '{name}' is not deployed in the 'main' environment."
    assert box.get(url).status == 404
    assert len(history(box, name)) == 2


def test_a_rollover_gives_new_containers_with_the_same_code_and_loses_no_request(box: Box) -> None:
    url = box.deploy("over", server("over"), "--tag", "kept")
    old = box.container("over")["container_id"]
    with Load(url) as load:
        load.until("one")
        lines = box.ok("app", "rollover", "over").splitlines()
        load.more()
    assert load.failures == []
    assert lines[0] == "🔨 Starting app rollover with rolling strategy"
    assert lines[1].startswith("✓ Rollover completed in ")
    assert lines[1].endswith("s with rolling strategy! 🎉")
    assert lines[-1].startswith("View Deployment: http")
    wait_until(lambda: box.ending("over", old), "the end of the old container")
    assert box.container("over")["container_id"] != old
    assert history(box, "over") == [(2, "rollover", 1, "live"), (1, "standard", None, "superseded")]
    assert box.json("app", "history", "over")[0]["tag"] == "kept"
    assert box.ok("deploy", str(box.root / "over.py")).startswith("✓ Deployment skipped")


def test_after_a_rollover_with_recreate_the_old_containers_are_gone(box: Box) -> None:
    """Check 11.8."""
    box.deploy("anew", server("anew", options="min_containers=2"))
    old = {c["container_id"] for c in box.containers("anew")}
    lines = box.ok("app", "rollover", "anew", "--strategy", "recreate").splitlines()
    new = box.containers("anew")
    assert not old & {c["container_id"] for c in new}
    assert {(c["version"], c["state"]) for c in new} == {(2, "ready")}
    assert lines[:2] == ["🔨 Starting app rollover with recreate strategy", "🧹 Terminating running containers"]


def test_after_a_deploy_with_recreate_the_old_containers_are_gone(box: Box) -> None:
    """Semantics 1.4.13."""
    box.deploy("abrupt", server("abrupt", "one"))
    path = box.write("abrupt.py", server("abrupt", "two"))
    lines = box.ok("deploy", str(path), "--strategy", "recreate").splitlines()
    assert [c["version"] for c in box.containers("abrupt")] == [2]
    assert "🧹 Terminating running containers" in lines


def test_a_rollback_to_a_version_that_can_not_start_leaves_the_live_one(box: Box) -> None:
    url = box.deploy("mends", server("mends", "one"))
    bad = box.write("mends.py", server("mends", enter='raise RuntimeError("no such model")'))
    assert box.run("deploy", str(bad)).code == 1
    done = box.run("app", "rollback", "mends", "v2")
    assert done.code == 1
    assert "no such model" in done.err
    assert box.get(url) == Answer(200, "one")
    assert [line[3] for line in history(box, "mends")] == ["failed", "failed", "live"]
    done = box.run("app", "rollback", "mends")  # what failed is no step back
    assert done.err.splitlines()[-1] == "Error: Rollback request exceeds number of App deployments."


def test_a_rollback_without_its_files_is_refused_and_names_one(box: Box) -> None:
    url = box.deploy("lost", server("lost", "one"))
    box.deploy("lost", server("lost", "two"))
    first = server("lost", "one").encode()
    (blob,) = [p for p in (box.data_dir / "blobs").rglob("*") if p.is_file() and p.read_bytes() == first]
    blob.unlink()
    done = box.run("app", "rollback", "lost")
    assert done.code == 1
    assert "v1 of App 'lost' can't be had any more: the content of lost.py is gone" in done.err
    assert box.get(url) == Answer(200, "two")
    assert len(history(box, "lost")) == 2


def test_the_value_of_a_rollback_as_json_stands_alone(box: Box) -> None:
    for text in ("one", "two"):
        box.deploy("speaks", server("speaks", text))
    value = json.loads(box.ok("app", "rollback", "speaks", "v1", "--json"))
    assert (value["version"], value["rollback_version"], value["state"]) == (3, 1, "live")
