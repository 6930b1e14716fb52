"""What git knows of the source that is deployed (semantics 1.5.9). Never fails a deploy: no git, no repository or no answer
in time means that nothing is told. Runs git so that it changes nothing, asks nothing and runs no hook of the repository;
one that belongs to somebody else is not even read, because its settings could name programs (git's own rule).
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit, urlunsplit

TIMEOUT_S = 5.0  # a busy machine takes seconds for what else takes milliseconds
BRANCH_MAX = 255
FIELD_MAX = 200

_GIT = (
    "git",
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
)
_QUESTIONS = {
    "status": ("status", "--porcelain=v2", "--branch", "--no-renames"),
    "log": ("log", "-1", "--no-show-signature", "--format=%H%n%ct%n%an%n%ae"),
    "origin": ("config", "--get", "remote.origin.url"),
}


class CommitInfo(TypedDict):
    """`commit_timestamp` is in seconds since the epoch."""

    vcs: str
    branch: str
    commit_hash: str
    commit_timestamp: int
    dirty: bool
    author_name: str
    author_email: str
    repo_url: str


def commit_info(folder: Path) -> CommitInfo | None:
    """Of the work tree that `folder` is in; None when there is none, or git does not answer within TIMEOUT_S seconds."""
    answers = _ask(folder)
    if answers is None:
        return None
    return parse(answers["status"], answers["log"], answers["origin"])


def parse(status: str, log: str, origin: str) -> CommitInfo | None:
    """From git's answers; None where the repository has no commit yet."""
    fields = log.split("\n")
    if len(fields) < 4 or not fields[1].isdigit():
        return None
    lines = status.splitlines()
    branch = next((line.removeprefix("# branch.head ") for line in lines if line.startswith("# branch.head ")), "")
    return CommitInfo(
        vcs="git",
        branch=branch,
        commit_hash=fields[0],
        commit_timestamp=int(fields[1]),
        dirty=any(line and not line.startswith("#") for line in lines),
        author_name=fields[2],
        author_email=fields[3],
        repo_url=without_credentials(origin.strip()),
    )


def problem(info: CommitInfo) -> str | None:
    """`Invalid commit info: …` for fields that are too long to be kept, or None."""
    if len(info["branch"]) > BRANCH_MAX:
        return f"Invalid commit info: the branch name is longer than {BRANCH_MAX} characters."
    texts = (("author_name", info["author_name"]), ("author_email", info["author_email"]), ("repo_url", info["repo_url"]))
    for name, value in texts:
        if len(value) > FIELD_MAX:
            return f"Invalid commit info: {name} is longer than {FIELD_MAX} characters."
    return None


def without_credentials(url: str) -> str:
    """The address without user and password: a token in it must not end up in a history."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if not parts.scheme or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _ask(folder: Path) -> dict[str, str] | None:
    """All questions at once: each takes a few milliseconds, and a deploy waits for them."""
    # GIT_DIR and its like would make git look elsewhere than in the folder.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    started: dict[str, subprocess.Popen[str]] = {}
    try:
        for name, question in _QUESTIONS.items():
            started[name] = subprocess.Popen(
                [*_GIT, "-C", str(folder), *question],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environ,
                text=True,
                errors="replace",
            )
        deadline = time.monotonic() + TIMEOUT_S
        answers = {name: git.communicate(timeout=max(0, deadline - time.monotonic()))[0] for name, git in started.items()}
    except (OSError, subprocess.TimeoutExpired):
        return None
    finally:
        for git in started.values():
            _end(git)
    return answers if started["log"].returncode == 0 and started["status"].returncode == 0 else None


def _end(git: subprocess.Popen[str]) -> None:
    if git.poll() is None:
        git.kill()
        git.wait()
    if git.stdout is not None:
        git.stdout.close()
