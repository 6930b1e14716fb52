"""The guest around the user's code: lifecycle, exit codes, signals, imports. As processes, without containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from .harness import DEADLINE_S, Guest, loads_last, make_interpreter, read_until


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_interpreter(tmp_path_factory.mktemp("python"))


@pytest.fixture
def guest(tmp_path: Path, interpreter: str) -> Guest:
    return Guest(tmp_path, interpreter)


def test_enter_methods_run_base_classes_first_snapshots_before_others_and_overrides_once(guest: Guest) -> None:
    code = """
import homeport, sys
class Base:
    @homeport.enter()
    def zebra(self): print("zebra")
    @homeport.enter()
    def shared(self): print("base shared")
class Server(Base):
    @homeport.enter()
    def last(self): print("last"); sys.exit(0)
    @homeport.enter(snap=True)
    def first(self): print("snap")
    @homeport.enter()
    def shared(self): print("own shared")
"""
    assert guest.run(code)[:2] == (0, "snap\nzebra\nown shared\nlast\n")


def test_what_an_image_lacks_ends_the_servers_that_run_with_it_and_no_others(guest: Guest) -> None:
    code = """
import homeport, sys
one = homeport.Image.debian_slim()
two = one.pip_install("not-there")
with one.imports():
    import json
with two.imports():
    import there_is_no_such_module
app = homeport.App("x", image={default})
@app.server(image={own})
class Server:
    @homeport.enter()
    def up(self): print(json.dumps("up")); sys.exit(0)
"""
    assert guest.run(code.format(default="two", own="one"))[:2] == (0, '"up"\n')
    for default, own in (("one", "two  "), ("two", "None")):  # of another size each: byte code is kept by size and second
        exit_code, _, err = guest.run(code.format(default=default, own=own))
        assert exit_code == 1
        assert "import there_is_no_such_module" in err
        assert "No module named 'there_is_no_such_module'" in err


def test_exit_methods_run_on_sigterm_and_the_container_ends_with_0(guest: Guest) -> None:
    code = """
import homeport
class Server:
    @homeport.enter()
    def up(self): print("up")
    @homeport.exit()
    def one(self): print("one")
    @homeport.exit()
    def two(self): print("two")
"""
    assert guest.run_and_stop(code, "up") == (0, "up\none\ntwo\n", "")


def test_sigterm_unwinds_a_blocked_enter_and_exit_methods_run_once(guest: Guest) -> None:
    code = """
import homeport, threading
class Server:
    @homeport.enter()
    def up(self):
        print("up")
        threading.Event().wait()
    @homeport.exit()
    def down(self): print("down")
"""
    assert guest.run_and_stop(code, "up", times=3) == (0, "up\ndown\n", "")


def test_an_enter_that_swallows_the_stop_is_not_followed_by_another_enter(guest: Guest) -> None:
    code = """
import homeport, threading
class Server:
    @homeport.enter()
    def up(self):
        try:
            print("up")
            threading.Event().wait()
        except BaseException: print("swallowed")
    @homeport.enter()
    def never(self): print("never")
    @homeport.exit()
    def down(self): print("down")
"""
    assert guest.run_and_stop(code, "up")[:2] == (0, "up\nswallowed\ndown\n")


def test_exit_methods_run_when_the_users_code_took_sigterm_over(guest: Guest) -> None:
    code = """
import homeport, signal
class Server:
    @homeport.enter()
    def up(self):
        signal.signal(signal.SIGTERM, lambda *_: None)
        print("up")
    @homeport.exit()
    def down(self): print("down")
"""
    assert guest.run_and_stop(code, "up")[:2] == (0, "up\ndown\n")


def test_async_methods_share_one_loop_that_goes_on_while_the_container_lives(guest: Guest) -> None:
    code = """
import asyncio, homeport
class Server:
    @homeport.enter()
    async def up(self):
        self.loop = asyncio.get_running_loop()
        self.task = asyncio.create_task(self.background())
    async def background(self):
        await asyncio.sleep(0.01)
        print("background")
        await asyncio.Event().wait()
    @homeport.exit()
    async def down(self):
        await asyncio.sleep(0.01)
        print("same loop", self.loop is asyncio.get_running_loop())
"""
    assert guest.run_and_stop(code, "background", times=2)[:2] == (0, "background\nsame loop True\n")


def test_a_blocked_async_enter_is_unwound(guest: Guest) -> None:
    code = """
import asyncio, homeport
class Server:
    @homeport.enter()
    async def up(self):
        print("up")
        await asyncio.Event().wait()
    @homeport.exit()
    async def down(self): print("down")
"""
    assert guest.run_and_stop(code, "up")[:2] == (0, "up\ndown\n")


def test_an_error_in_an_exit_method_is_shown_and_the_others_still_run(guest: Guest) -> None:
    code = """
import homeport
class Server:
    @homeport.enter()
    def up(self): print("up")
    @homeport.exit()
    def bad(self): raise ValueError("broken exit")
    @homeport.exit()
    def good(self): print("good")
"""
    code_, out, err = guest.run_and_stop(code, "up")
    assert (code_, out) == (1, "up\ngood\n")
    assert "ValueError: broken exit" in err


def test_non_daemon_threads_do_not_keep_a_stopped_container_alive(guest: Guest) -> None:
    code = """
import atexit, homeport, threading
atexit.register(print, "atexit ran")
class Server:
    @homeport.enter()
    def up(self):
        threading.Thread(target=threading.Event().wait).start()
        print("up")
"""
    assert guest.run_and_stop(code, "up")[:2] == (0, "up\natexit ran\n")


@pytest.mark.parametrize(
    ("statement", "code"),
    [("sys.exit(7)", 7), ("sys.exit()", 0), ("sys.exit('words')", 1), ("exit(3)", 3), ("1/0", 1), ("os.abort()", 128 + 6)],
)
def test_the_exit_code_is_that_of_the_users_code(guest: Guest, statement: str, code: int) -> None:
    text = f"import homeport, os, sys\nclass Server:\n    @homeport.enter()\n    def up(self): {statement}\n"
    assert guest.run(text)[0] == code


def test_children_of_the_user_keep_their_exit_codes_and_their_environment_is_a_normal_one(guest: Guest) -> None:
    code = """
import homeport, json, os, subprocess, sys
class Server:
    @homeport.enter()
    def up(self):
        code = subprocess.run("exit 5", shell=True).returncode
        text = "import sys, os; print(sys.flags.isolated, sys.flags.no_site, os.environ['PYTHONUNBUFFERED'])"
        out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True).stdout.split()
        print(json.dumps([code, out, sorted(n for n in os.environ if n.startswith("HOMEPORT_GUEST"))]))
        sys.exit(0)
"""
    code_, out, err = guest.run(code)
    assert (code_, err) == (0, "")
    assert loads_last(out) == [5, ["0", "0", "1"], []]


IN_A_CHILD = """
import modal, os, subprocess, sys
class Server:
    @modal.enter()
    def up(self):
        text = "import sys; sys.path.insert(0, sys.argv[1]); import app, modal; print(modal.__name__, app.modal is modal)"
        sys.exit(subprocess.run([sys.executable, "-c", text, os.path.dirname(__file__)]).returncode)
"""


def test_processes_of_the_user_may_import_the_users_file(guest: Guest) -> None:
    """As `uvicorn app:web` does, where app.py has `import modal` in it."""
    assert guest.run(IN_A_CHILD) == (0, "homeport True\n", "")


def test_processes_of_the_user_get_the_real_package_where_there_is_one(guest: Guest, tmp_path: Path) -> None:
    guest.write("extra/modal/__init__.py", "def enter():\n    return lambda f: f\n")
    text = f"import sys; sys.path.insert(0, {str(tmp_path / 'extra')!r}); import modal; print(modal.__name__)"
    up = f"sys.exit(subprocess.run([sys.executable, '-c', {text!r}]).returncode)"
    code = f"import homeport, subprocess, sys\nclass Server:\n    @homeport.enter()\n    def up(self):\n        {up}\n"
    assert guest.run(code) == (0, "modal\n", "")
    later = text.replace("insert(0", "insert(99")
    assert guest.run(code.replace(repr(text), repr(later))) == (0, "modal\n", ""), "whatever stands first"


def test_a_server_object_of_the_sdk_is_run_by_its_class_also_as_modal(guest: Guest) -> None:
    code = """
import modal
from modal import enter
app = modal.App("hello")
@app.server(unauthenticated=True)
class Server:
    @enter()
    def startup(self):
        print(__name__, type(self).__name__, modal.__name__)
        raise SystemExit(0)
"""
    assert guest.run(code)[:2] == (0, "app Server homeport\n")


def test_a_module_and_a_nested_class_are_found_by_name(guest: Guest) -> None:
    guest.write("pkg/__init__.py", "")
    guest.write("pkg/helper.py", "word = 'helped'\n")
    guest.write(
        "pkg/main.py",
        "import homeport, sys\nfrom .helper import word\nclass Outer:\n    class Inner:\n        @homeport.enter()\n"
        "        def up(self):\n            print(word, __name__, sys.argv)\n            sys.exit(0)\n",
    )
    with guest.started(("pkg.main", "", "Outer.Inner")) as process:
        out, err = process.communicate(timeout=DEADLINE_S)
    assert (out, err) == ("helped pkg.main ['pkg.main']\n", "")


def test_the_search_path_is_that_of_a_script(guest: Guest, tmp_path: Path) -> None:
    guest.write("neighbour.py", "word = 'near'\n")
    guest.write("extra/farther.py", "word = 'far'\n")
    code = """
import homeport, neighbour, farther, sys
print(neighbour.word, farther.word, __file__, sys.argv)
class Server:
    @homeport.enter()
    def up(self): sys.exit(0)
"""
    _, out, err = guest.run(code, PYTHONPATH=str(tmp_path / "extra"))
    assert (out, err) == (f"near far {tmp_path}/app.py ['{tmp_path}/app.py']\n", "")


def test_a_traceback_has_the_users_frames_only(guest: Guest) -> None:
    guest.write("part.py", "def fail():\n    raise ValueError('the users own words')\n")
    code = "import homeport\nimport part\nclass Server:\n    @homeport.enter()\n    def up(self):\n        part.fail()\n"
    code_, _, err = guest.run(code)
    assert code_ == 1
    frames = [line.strip() for line in err.splitlines() if line.startswith("  File")]
    assert [line.rpartition("/")[2] for line in frames] == ['app.py", line 6, in up', 'part.py", line 2, in fail']
    assert err.endswith("ValueError: the users own words\n")


def test_an_error_at_import_shows_neither_our_frames_nor_the_import_systems(guest: Guest) -> None:
    guest.write("part.py", "1/0\n")
    _, _, err = guest.run("import part\n")
    assert "frozen importlib" not in err
    assert "/homeport/" not in err
    assert 'part.py", line 1' in err


def test_a_syntax_error_names_file_and_line(guest: Guest) -> None:
    code, _, err = guest.run("x = 1\nclass Server\n")
    assert code == 1
    assert 'app.py", line 2' in err


def test_a_missing_module_is_named_with_what_to_do(guest: Guest) -> None:
    code, _, err = guest.run("import surely_not_there.deep\n")
    assert code == 1
    assert 'Image.debian_slim().pip_install("surely_not_there")' in err.splitlines()[-1]


def test_a_class_that_is_not_there_is_an_error_in_words(guest: Guest) -> None:
    code, _, err = guest.run("x = 1\n", "Server")
    assert code == 1
    assert "has no attribute 'Server'" in err


def test_output_is_not_held_back(guest: Guest) -> None:
    guest.write("app.py", "import homeport, sys\nsys.stdout.write('no newline')\nclass Server:\n    @homeport.enter()\n"
                "    def up(self): print(); print('up')\n")  # fmt: skip
    with guest.started(("app", "app.py", "Server")) as process:
        assert read_until(process, "up") == "no newline\nup\n"


def test_the_guest_imports_only_these_modules_before_the_users_code(guest: Guest) -> None:
    _, out, _ = guest.run("import sys\nprint(*sorted(sys.modules), sep='\\n')\n")
    ours = {name for name in out.split() if name.startswith("homeport")}
    assert ours == {"homeport", "homeport.alias"} | {
        f"homeport.guest{part}" for part in ("", ".entry", ".lifecycle", ".reaper", ".searchpath", ".worker")
    }
    heavy = "asyncio dataclasses enum inspect importlib.util json re signal socket subprocess threading types typing"
    assert not set(heavy.split()) & set(out.split())
