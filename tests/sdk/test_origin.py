"""The same class has the same origin however Python was started on its file."""

import subprocess
import sys
from pathlib import Path

import pytest

import homeport

SOURCE = Path(homeport.__file__).parent.parent
PROGRAM = """
import homeport
class Server:
    @homeport.enter()
    def start(self): pass
if __name__ == "__main__":
    from homeport.sdk import origin
    found = origin.of(Server)
    print(found.entry.module, found.entry.path, found.root.local, found.root.path)
"""


@pytest.mark.parametrize(
    ("argv", "file", "found"),
    [
        (["hello.py"], "hello.py", "hello hello.py {}/hello.py hello.py"),
        (["-m", "hello"], "hello.py", "hello hello.py {}/hello.py hello.py"),
        (["-m", "pkg.mod"], "pkg/mod.py", "pkg.mod None {}/pkg pkg"),
        (["-m", "pkg"], "pkg/__main__.py", "pkg.__main__ None {}/pkg pkg"),
        (["pkg/mod.py"], "pkg/mod.py", "mod mod.py {}/pkg/mod.py mod.py"),
    ],
)
def test_a_class_of_the_program_itself_is_found(tmp_path: Path, argv: list[str], file: str, found: str) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/__init__.py").touch()
    (tmp_path / file).write_text(PROGRAM)
    environ = {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, *argv], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found.format(tmp_path)


def test_a_class_that_was_typed_in_is_refused_in_words() -> None:
    program = PROGRAM.replace("found = origin.of(Server)", "origin.of(Server)")
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False
    )
    assert "Server class Server has no file that can be uploaded" in done.stderr
