"""What git is asked, and what is made of its answers."""

import os
import subprocess
from pathlib import Path

import pytest

from homeport.sdk import commit

ANSWER = "0123456789abcdef0123456789abcdef01234567\n1700000000\nAda\nada@example.org\n"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deploy goes on without what git does not say soon; here a slow machine is waited for."""
    monkeypatch.setattr(commit, "TIMEOUT_S", 60)


def git(folder: Path, *argv: str) -> None:
    identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *who, *argv], cwd=folder, env=os.environ | identity, check=True, capture_output=True)


def test_a_repository_is_described(tmp_path: Path) -> None:
    git(tmp_path, "init", "-b", "trunk")
    git(tmp_path, "remote", "add", "origin", "https://ada:s3cret@example.org/x.git")
    (tmp_path / "a.py").write_text("x = 1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "First")
    info = commit.commit_info(tmp_path)
    assert info is not None
    assert (info["vcs"], info["branch"], info["dirty"]) == ("git", "trunk", False)
    assert len(info["commit_hash"]) == 40
    assert info["commit_timestamp"] > 1_600_000_000
    assert (info["author_name"], info["author_email"]) == ("Ada", "ada@example.org")
    assert info["repo_url"] == "https://example.org/x.git"
    (tmp_path / "new.py").touch()
    again = commit.commit_info(tmp_path)
    assert again is not None
    assert again["dirty"]


def test_no_repository_no_commit_and_no_git_tell_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert commit.commit_info(tmp_path / "empty") is None
    assert commit.commit_info(Path("/proc")) is None
    monkeypatch.setenv("PATH", "")
    assert commit.commit_info(tmp_path / "empty") is None


def test_a_git_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(commit, "TIMEOUT_S", 0.05)
    assert commit.commit_info(tmp_path) is None


def test_no_hook_or_monitor_of_the_repository_is_run(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "a.py").touch()
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "First")
    (tmp_path / "spy").write_text(f"#!/bin/sh\ntouch {tmp_path}/seen\n")
    (tmp_path / "spy").chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(tmp_path / "spy"))
    assert commit.commit_info(tmp_path) is not None
    assert not (tmp_path / "seen").exists()


@pytest.mark.host
def test_a_repository_of_somebody_else_is_not_read_because_it_could_run_programs(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / ".gitattributes").write_text("* filter=spy")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "First")
    git(tmp_path, "config", "filter.spy.clean", f"touch {tmp_path}/seen; cat")
    (tmp_path / "a.py").write_text("x = 2")
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, 65534)
    assert commit.commit_info(tmp_path) is None
    assert not (tmp_path / "seen").exists()


@pytest.mark.parametrize(
    ("name", "content"), [("HEAD", "nonsense"), ("HEAD", "ref: refs/heads/gone"), ("index", "nonsense"), ("config", "[[")]
)
def test_a_repository_that_is_broken_tells_nothing(tmp_path: Path, name: str, content: str) -> None:
    git(tmp_path, "init")
    (tmp_path / "a.py").touch()
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "First")
    (tmp_path / ".git" / name).write_text(content)
    assert commit.commit_info(tmp_path) is None


def test_answers_are_read_as_they_come() -> None:
    status = "# branch.oid 0123\n# branch.head (detached)\n? new.py\n"
    info = commit.parse(status, ANSWER, "git@example.org:x/y.git\n")
    assert info is not None
    assert (info["branch"], info["dirty"], info["repo_url"]) == ("(detached)", True, "git@example.org:x/y.git")
    assert commit.parse("", "", "") is None


def test_fields_that_are_too_long_are_told() -> None:
    info = commit.parse("# branch.head " + "b" * 256, ANSWER, "")
    assert info is not None
    assert str(commit.problem(info)).startswith("Invalid commit info: the branch name")
    info["branch"] = "main"
    assert commit.problem(info) is None
    info["author_name"] = "a" * 201
    assert str(commit.problem(info)).startswith("Invalid commit info: author_name")


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://token@example.org/x", "https://example.org/x"),
        ("https://u:p@h:8443/x", "https://h:8443/x"),
        ("ssh://git@example.org/x", "ssh://example.org/x"),
        ("git@example.org:x", "git@example.org:x"),
        ("/srv/x.git", "/srv/x.git"),
        ("http://[x", ""),
    ],
)
def test_credentials_do_not_get_into_the_history(url: str, clean: str) -> None:
    assert commit.without_credentials(url) == clean
