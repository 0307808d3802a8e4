"""The two ways a command speaks: to a person at a terminal, or to a program, one JSON object per line.

Results go to standard output; progress and errors of the human form go to standard error, so that the
output of a command can be piped. In JSON form everything goes to standard output, in order.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import typer

from svfr_client.errors import SvfrError, each_of
from svfr_client.frames import FrameRange
from svfr_client.reasons import printable
from svfr_client.server_naming import name_server
from svfr_client.silence import BACK_WORDS, Say

from .exit_codes import ExitCode, exit_code_of

PIPE_COLUMNS = 200


class Output(Protocol):
    """What a command says; every method exists in both forms."""

    def result(self, kind: str, body: Mapping[str, Any], text: str) -> None:
        """Write one result: ``body`` for programs, ``text`` for people (empty: nothing is shown)."""

    def table(self, kind: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Write several results of one kind; people see only ``columns``, in that order."""

    def note(self, text: str) -> None:
        """Write what only a person wants to know."""

    def error(self, error: SvfrError) -> None:
        """Write what went wrong, where, and what to do about it; several problems as a list."""


class JsonOutput:
    """One JSON object per line on standard output, each with its ``kind``."""

    def result(self, kind: str, body: Mapping[str, Any], text: str) -> None:
        """Print ``body`` with its kind."""
        print(json.dumps({"kind": kind, **body}, allow_nan=False), flush=True)

    def table(self, kind: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print every row whole."""
        for row in rows:
            self.result(kind, row, "")

    def note(self, text: str) -> None:
        """Leave it out: notes are for people."""

    def error(self, error: SvfrError) -> None:
        """Print the error's JSON form and the exit status that will follow."""
        self.result("error", {**error.to_dict(), "exit_code": int(exit_code_of(error))}, "")


class HumanOutput:
    """Plain lines and tables; rich draws them when there is a terminal."""

    def result(self, kind: str, body: Mapping[str, Any], text: str) -> None:
        """Print ``text``."""
        if text:
            print(text, flush=True)

    def table(self, kind: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print a table with the given columns."""
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, name in enumerate(columns):
            table.add_column(name.replace("_", " "), overflow="fold", no_wrap=number == 0)
        for row in rows:
            table.add_row(*(_cell(row.get(name)) for name in columns))
        Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS).print(table)

    def note(self, text: str) -> None:
        """Print ``text`` on standard error."""
        print(text, file=sys.stderr, flush=True)

    def error(self, error: SvfrError) -> None:
        """Print message, place and remedy of every kind of problem on standard error."""
        print(error_text(error), file=sys.stderr, flush=True)


def error_text(error: SvfrError) -> str:
    """Return message, code, place and remedy of every kind of problem, in lines."""
    texts = [_problem_text(group) for group in _grouped(each_of(error))]
    head = f"{len(texts)} problems must be fixed first:" if len(texts) > 1 else "Error:"
    return "\n".join([head, *texts])


def silence_note(output: Output) -> Say:
    """Return what prints a line when a server does not answer, and one when it does again."""
    return lambda text: output.note(text or BACK_WORDS)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, float):
        return f"{value:.3g}"
    return "" if value is None else escape(str(value))


def _grouped(problems: Sequence[SvfrError]) -> list[list[SvfrError]]:
    """Put problems of one kind with one remedy together: a hundred missing frames are one line.

    Those of two rows of a list stay apart: each is to be found by its row.
    """
    groups: dict[tuple[str, str, int], list[SvfrError]] = {}
    for problem in problems:
        remedy = problem.remedy if problem.frame is not None else f"alone {id(problem)}"
        groups.setdefault((problem.code, remedy, getattr(problem, "row", 0)), []).append(problem)
    return list(groups.values())


def _problem_text(group: Sequence[SvfrError]) -> str:
    problem = group[0]
    lines = [f"  {problem.message}  [{problem.code}]"]
    frames = [p.frame for p in group if p.frame is not None]
    if frames:
        lines.append(f"    frame: {FrameRange.of(frames)}")
    if problem.path is not None and problem.path not in problem.message:
        lines.append(f"    path:  {printable(problem.path)}")
    if problem.remedy:
        lines.append(f"    to do: {problem.remedy}")
    return "\n".join(lines)


@contextmanager
def speaking(as_json: bool, server: str | None = None) -> Iterator[Output]:
    """Give a command its output, and turn an error into its message and exit status.

    ``server`` is what the command was given with --server; commands that an error names get it too.

    Raises typer.Exit with :func:`~svfr_cli.exit_codes.exit_code_of` after an SvfrError and with CANCELLED
    after Ctrl-C; anything else is a bug and passes through with its traceback.
    """
    output: Output = JsonOutput() if as_json else HumanOutput()
    try:
        yield output
    except SvfrError as error:
        name_server(error, server)
        output.error(error)
        raise typer.Exit(int(exit_code_of(error))) from error
    except KeyboardInterrupt as interrupt:
        output.note("Interrupted.")
        raise typer.Exit(int(ExitCode.CANCELLED)) from interrupt
