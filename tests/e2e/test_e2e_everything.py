"""The example that brings everything: deployed twice, changed without a build, and rolled back without its files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from e2e_harness import Box

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example as in a clone; only asks for less, so that it fits beside others."""
    shutil.copytree(EXAMPLES / "greetings", tmp_path / "greetings", ignore=shutil.ignore_patterns("__pycache__"))
    text = (EXAMPLES / "everything.py").read_text()
    (tmp_path / "everything.py").write_text(text.replace("unauthenticated=True", "unauthenticated=True, cpu=0.05"))
    return tmp_path


def deploy(box: Box, project: Path) -> tuple[dict[str, Any], str]:
    """Its outcome, and what was said on the way."""
    done = box.run("deploy", "everything.py", "--json", cwd=project)
    assert done.code == 0, done
    return json.loads(done.out), done.err


def page(box: Box, url: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(box.get(url).text)
    return found


def test_everything_works_twice_and_a_step_back_needs_no_local_file(box: Box, project: Path) -> None:
    box.ok("secret", "create", "everything-token", "TOKEN=sesame")
    outcome, said = deploy(box, project)
    url = outcome["servers"][0]["url"]
    assert "STEP" in said
    first = page(box, url)
    assert first.pop("six").count(".") == 2
    assert first == {
        "greeting": "Good day, everybody",
        "built": "made while the image was built",
        "mood": "cheerful",
        "letters of the token": 6,
        "visits": 1,
    }

    again, said = deploy(box, project)
    assert (again["noop"], again["version"], "STEP" in said) == (True, 1, False)

    greetings = project / "greetings/__init__.py"
    greetings.write_text(greetings.read_text().replace("Good day", "Good night"))
    changed, said = deploy(box, project)
    assert (changed["noop"], changed["version"], "STEP" in said) == (False, 2, False)
    assert (page(box, url)["greeting"], page(box, url)["visits"]) == ("Good night, everybody", 3)

    shutil.rmtree(project)
    box.ok("app", "rollback", "everything")
    assert (page(box, url)["greeting"], page(box, url)["visits"]) == ("Good day, everybody", 5)


def test_what_is_brought_along_is_told(box: Box, project: Path) -> None:
    box.ok("secret", "create", "everything-token", "TOKEN=sesame", "--force")
    shown = box.ok("deploy", "everything.py", cwd=project)
    assert f"🔨 Mounted {project}/greetings at /root/greetings\n" in shown
    assert f"🔨 Mounted {project}/everything.py at /root/everything.py\n" in shown
