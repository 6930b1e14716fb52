"""The command line as a whole: help, errors, exit codes, locales, terminals, and what is loaded."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from homeport import __version__
from homeport.cli import apps, render
from homeport.cli.main import app, run

from .conftest import FakePlatform, Result

Cli = Callable[..., Result]
COMMANDS = [
    *(["up"], ["down"], ["status"], ["doctor"], ["deploy"], ["curl"]),
    *(["app", verb] for verb in ("list", "info", "dashboard", "history", "logs", "stop", "rollover", "rollback")),
    *(["container", verb] for verb in ("list", "logs", "exec", "stop")),
    ["server", "info"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(cli: Cli, command: list[str]) -> None:
    result = cli(*command, "-h")
    assert (result.code, result.err) == (0, "")
    assert f"Example: homeport {' '.join(command)}" in result.out


def test_every_command_has_json_but_those_that_only_change_or_remove_something() -> None:
    here = {"up", "down", "app dashboard", "container exec", "curl"}
    changes = {"update", "delete", "rename", "clear", "set-role", "allow", "revoke", "rotate-key"}
    files = {"volume rm", "volume cp", "volume get", "volume put"}
    without = {path for path, options in _options(get_command(app)) if "--json" not in options}
    assert {path for path in without - here - files if path.split(" ")[-1] not in changes} == set()


def _options(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    for name, each in getattr(command, "commands", {}).items():
        yield from _options(each, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), {option for parameter in command.params for option in parameter.opts}


def test_help_and_version(cli: Cli) -> None:
    assert "deploy" in cli("--help").out
    assert cli("--version").out == f"homeport {__version__}\n"


@pytest.mark.parametrize("argv", [[], ["app"], ["container"], ["server"]])
def test_a_group_without_a_verb_shows_its_help_as_a_usage_error(cli: Cli, argv: list[str]) -> None:
    result = cli(*argv)
    assert (result.code, result.out) == (2, "")
    assert "Usage: homeport" in result.err


def test_a_wrong_command_line_is_one_line_and_exit_code_2(cli: Cli) -> None:
    for argv in (["nope"], ["app", "nope"], ["app", "list", "--nope"], ["app", "list", "--limit", "x"], ["app", "info"]):
        result = cli(*argv)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("Error: ")
        assert result.err.count("\n") == 1
        assert "--help'." in result.err


def test_an_interrupt_is_quiet(cli: Cli, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(apps.render, "table", interrupted)
    platform.answers["GET /v1/apps"] = {"apps": []}
    result = cli("app", "list")
    assert (result.code, result.out, result.err) == (130, "", "")


def test_a_bug_of_ours_is_one_line_with_the_place_and_a_traceback_on_demand(
    cli: Cli, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.answers["GET /v1/apps"] = {"apps": [{"tasks": "1"}]}
    result = cli("app", "list")
    assert result.code == 1
    assert result.err.startswith("Error: unexpected KeyError: 'created_at' at ")
    assert "cli/apps.py:" in result.err
    assert "HOMEPORT_TRACEBACK=1" in result.err
    assert "Traceback" not in result.err
    monkeypatch.setenv("HOMEPORT_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in cli("app", "list").err


def test_a_wrong_token_is_named_by_where_it_came_from(cli: Cli, platform: FakePlatform) -> None:
    platform.answers["GET /v1/apps"] = (401, "auth", "Unknown token.")
    result = cli("app", "list")
    assert result.code == 1
    assert "HOMEPORT_TOKEN_ID" in result.err
    assert "as-test" not in result.err


def test_no_platform_is_one_line(cli: Cli, tmp_path: Path) -> None:
    result = cli("--data-dir", str(tmp_path), "app", "list")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "homeport up" in result.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_completion_for_the_three_shells(shell: str) -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    program = [sys.executable, "-c", "import sys; from homeport.cli.main import main; main()"]
    shown = subprocess.run(
        [*program, "--show-completion", shell], env=environment, capture_output=True, text=True, check=True
    )
    assert "_HOMEPORT_COMPLETE" in shown.stdout
    assert shell in shown.stdout


def test_an_ascii_locale_gets_ascii(tmp_path: Path) -> None:
    program = (
        "from homeport.cli import render; render.prepare_streams();"
        "render.out('✓ Created objects. é'); render.value({'a': 'é'})"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    shown = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert shown.stdout == b'[ok] Created objects. \\xe9\n{\n  "a": "\\u00e9"\n}\n'


def test_neither_rich_nor_httpx_is_loaded_for_what_does_not_need_it() -> None:
    program = (
        "import sys; from homeport.cli.main import run; run(['--version']); run(['app', 'logs', 'x', '-n', '0']);"
        "print([name for name in ('rich', 'httpx', 'homeport.sdk', 'pygments') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


Screen = Callable[[], tuple[Terminal, Terminal]]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Makes stdout and stderr terminals; called by the test, because pytest puts its own in place before that."""

    def appear() -> tuple[Terminal, Terminal]:
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        out, err = Terminal(), Terminal()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        return out, err

    return appear


def test_on_a_terminal_there_are_colours_and_a_moving_line(screen: Screen) -> None:
    out, err = screen()
    with render.Progress() as progress:
        progress.now("Creating objects...")
        progress.line("[bold]STEP 1[/bold]")
    render.out("✓ Created objects.", "green")
    render.table("Apps", ("ID", "Name"), [("[red]", "x")], first_style="bold green")
    assert "Creating objects..." in err.getvalue()
    assert "[bold]STEP 1[/bold]" in err.getvalue()
    assert "\x1b[32m✓ Created objects.\x1b[0m" in out.getvalue()
    assert "[red]" in out.getvalue()


def test_no_color_means_plain_lines_on_a_terminal_too(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = screen()
    monkeypatch.setenv("NO_COLOR", "1")
    with render.Progress() as progress:
        progress.now("Creating objects...")
        progress.line("STEP 1")
    render.out("✓ Created objects.", "green")
    render.table("Apps", ("ID", "Name"), [("a", "x")])
    assert (out.getvalue(), err.getvalue()) == ("✓ Created objects.\nID  Name\na   x\n", "STEP 1\n")


def test_errors_on_a_terminal_are_red(screen: Screen) -> None:
    _, err = screen()
    assert run(["server", "info", "x"]) == 2
    assert err.getvalue().startswith("\x1b[31mError: ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a file that is always full")
@pytest.mark.parametrize("argv", [["container", "list"], ["container", "list", "--json"]])
def test_an_output_that_can_not_be_written_is_no_bug(
    platform: FakePlatform, argv: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.answers["GET /v1/containers"] = {"containers": []}
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run(argv) == 1
        monkeypatch.undo()
        with open(os.devnull, "w") as null:  # for what is still to be flushed
            os.dup2(null.fileno(), full.fileno())
    assert capfd.readouterr().err == "Error: The output can't be written: No space left on device.\n"


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_closed_output_is_no_bug(platform: FakePlatform, option: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    platform.answers["GET /v1/containers"] = {"containers": []}
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    codes = run(["container", "list", *option]), run(["container", "nope"])
    for name in ("stdin", "stdout", "stderr"):
        getattr(sys, name).close()
    assert codes == (0, 2)


PLATFORMS_OWN = {"up", "down", "doctor"}  # these are about this machine, and ask no platform


def test_every_command_that_asks_a_platform_takes_a_profile() -> None:  # 1.3.8
    found = {command.name: [p.name for p in command.params] for command in _commands(get_command(app))}
    assert {name for name, options in found.items() if "profile" not in options} == PLATFORMS_OWN


def test_a_profile_may_be_named_before_the_command_or_after_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".homeport.toml").write_text("[far]\nserver_url = 'http://127.0.0.1:1'\n")
    (tmp_path / ".homeport.toml").chmod(0o600)
    for argv in (["--profile", "near", "app", "list"], ["app", "list", "--profile", "near"]):
        assert run(argv) == 1
        assert "There is no profile 'near'" in capfd.readouterr().err
    assert run(["--profile", "near", "app", "list", "--profile", "far"]) == 1
    assert "There is no token for http://127.0.0.1:1" in capfd.readouterr().err


def _commands(group: Any) -> Iterator[Any]:
    for command in group.commands.values():
        if hasattr(command, "commands"):
            yield from _commands(command)
        else:
            yield command
