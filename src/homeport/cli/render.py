"""All printing. Values go to stdout, everything said on the way to stderr, so `--json` and pipes get the value alone.

Colours, tables with frames and the moving line are for terminals; with NO_COLOR, TERM=dumb or no terminal there are plain
lines, and rich is not even imported. Characters that the locale lacks are replaced (`text.fit`).
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from .. import errors
from . import text as shapes

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.console import Console
    from rich.status import Status


def out(line: str = "", style: str = "") -> None:
    """One line of the value. `style` is rich's (`bold green`), and only for terminals."""
    _write(sys.stdout, line, style)


def note(line: str, style: str = "") -> None:
    """One line beside the value."""
    _write(sys.stderr, line, style)


def error(message: str) -> None:
    _write(sys.stderr, f"Error: {message}", "red")


def warning(message: str) -> None:
    _write(sys.stderr, f"Warning: {message}", "yellow")


def value(data: Any) -> None:
    """`--json`: the value alone."""
    _print(sys.stdout, json.dumps(data, indent=2, ensure_ascii=not _unicode(sys.stdout)))


def done(answer: Any, as_json: bool, line: str) -> None:
    """What a command that changed something says: a line, or with `--json` what the platform answered."""
    if as_json:
        value(answer)
    else:
        out(line, "green")


def json_line(data: Any) -> None:
    """One value of a stream, on one line."""
    _print(sys.stdout, json.dumps(data, separators=(",", ":"), ensure_ascii=not _unicode(sys.stdout)))


def raw(data: bytes, *, to_stderr: bool = False) -> None:
    """Bytes as they are, for what a container's command wrote."""
    stream = sys.stderr if to_stderr else sys.stdout
    with _writing():
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()


def table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], first_style: str = "") -> None:
    """A table; `first_style` marks its first row on a terminal. Without a terminal: no title, no frame."""
    if not fancy(sys.stdout):
        for line in shapes.table(headers, rows):
            out(line)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        drawn.add_column(header, overflow="fold")
    for number, row in enumerate(rows):
        drawn.add_row(*(Text(cell) for cell in row), style=first_style if number == 0 else None)
    _console(sys.stdout).print(drawn)


def fancy(stream: TextIO) -> bool:
    """Whether colours and moving lines make sense there."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def prepare_streams() -> None:
    """Nothing that is printed may fail for a character that the locale can't show, or a stream that was closed (`>&-`)."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for as long as the program runs
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # TextIOWrapper, unless replaced


class Progress:
    """What is going on: a moving line on a terminal, and lines that stay, both on stderr."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._began = ""  # the last part that was told of without a terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def now(self, what: str) -> None:
        """The moving line says `what`; without a terminal nothing is printed."""
        if not fancy(sys.stderr):
            return
        from rich.text import Text

        if self._status is None:
            self._status = _console(sys.stderr).status(Text(what))
            self._status.start()
        self._status.update(Text(what))

    def part(self, what: str, done: int, total: int) -> None:
        """The moving line says `what`, and shows how much of it is done; without a terminal it is one line, at the start."""
        if not fancy(sys.stderr):
            if not done and what != self._began:
                self._began = what
                note(what)
            return
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        self.now(what)
        shown = Table.grid(padding=(0, 1))
        shown.add_row(Text(what), ProgressBar(total=max(total, 1), completed=done, width=30))
        assert self._status is not None
        self._status.update(shown)

    def line(self, line: str, style: str = "dim") -> None:
        """A line that stays, above the moving one."""
        if self._status is None:
            note(line, style)
            return
        from rich.text import Text

        self._status.console.print(Text.from_ansi(line, style=style), soft_wrap=True)

    def stop(self) -> None:
        """Takes the moving line away. Has to be called before a value is printed."""
        if self._status is not None:
            self._status.stop()
            self._status = None


def _write(stream: TextIO, line: str, style: str) -> None:
    line = shapes.fit(line, stream.encoding)
    if not style or not fancy(stream):
        _print(stream, line)
        return
    from rich.text import Text

    _console(stream).print(Text(line, style=style), soft_wrap=True)


def _print(stream: TextIO, line: str) -> None:
    with _writing():
        print(line, file=stream, flush=True)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """A full disk is no bug of ours; who closed the pipe has read enough, which needs no words."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise errors.ExecutionError(f"The output can't be written: {error.strerror or error}.") from error


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") in ("utf8", "utf8sig")
