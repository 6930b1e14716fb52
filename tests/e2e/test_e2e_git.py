"""A deploy says which commit it came from, and no state of a repository can get in its way."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from e2e_harness import Box
from e2e_sources import server

NOBODY = 65534


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *who, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def repository(box: Box, name: str, text: str = "one") -> Path:
    """A folder with the App's file, committed."""
    path = box.write(f"{name}/{name}.py", server(name, text))
    git(path.parent, "init")
    git(path.parent, "add", ".")
    git(path.parent, "commit", "-m", "First")
    return path


def owned_by_nobody(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


def breaks(folder: Path) -> None:
    (folder / ".git" / "HEAD").write_text("nonsense")


def takes_for_ever(folder: Path) -> None:
    """As a huge one does: git has not answered when the deploy stops waiting for it."""
    (folder / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (folder / "git").chmod(0o755)


def test_history_shows_the_commit_and_a_star_for_what_is_not_committed(box: Box) -> None:  # 1.5.3
    path = repository(box, "committed")
    box.ok("deploy", str(path))
    path.write_text(server("committed", "two"))
    box.ok("deploy", str(path))
    dirty, clean = (entry["commit"] for entry in box.json("app", "history", "committed"))
    assert (dirty["dirty"], clean["dirty"]) == (True, False)
    assert dirty["commit_hash"] == clean["commit_hash"]
    _, second, first, footer = box.ok("app", "history", "committed").splitlines()
    assert f"{clean['commit_hash'][:7]}*" in second
    assert f"{clean['commit_hash'][:7]} " in first
    assert footer == "* - repo had uncommitted changes"


def test_the_history_of_a_stopped_app_is_still_there(box: Box) -> None:  # 1.5.11
    box.deploy("over", server("over"), "--tag", "last")
    before = box.json("app", "history", "over")
    box.ok("app", "stop", "over", "--yes")
    (entry,) = box.json("app", "history", "over")
    assert (before[0]["rollback_allowed"], entry["rollback_allowed"]) == (True, False)
    assert {**entry, "outcome": "live", "reason": before[0]["reason"], "rollback_allowed": True} == before[0]
    assert {"version", "time_deployed", "client", "deployed_by", "commit", "tag"} <= entry.keys()


@pytest.mark.parametrize("trouble", [owned_by_nobody, breaks, takes_for_ever], ids=lambda trouble: trouble.__name__)
def test_a_repository_in_any_state_is_no_obstacle_and_shows_no_commit(box: Box, trouble: object) -> None:
    assert callable(trouble)
    name = trouble.__name__.replace("_", "-")
    path = repository(box, name)
    trouble(path.parent)
    done = box.run("deploy", str(path), PATH=f"{path.parent}:{os.environ['PATH']}")
    assert done.code == 0, done
    (entry,) = box.json("app", "history", name)
    assert (entry["outcome"], entry["commit"]) == ("live", None)


def test_a_folder_without_git_is_none_either(box: Box) -> None:
    box.deploy("no-git", server("no-git"))
    (entry,) = box.json("app", "history", "no-git")
    assert entry["commit"] is None
