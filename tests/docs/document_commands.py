"""Whether an `svfr` line of a document can be typed."""

import shlex

import click
import typer

from svfr_cli.main import app

PLACEHOLDER = "..."


def problem_of(line: str) -> str | None:
    words = shlex.split(line)[1:]
    command: click.Command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    if getattr(command, "commands", None):
        return None if not words and not getattr(command, "no_args_is_help", False) else "it is no command"
    options = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)}
    given = 0
    while words:
        name, has_value, _ = words.pop(0).partition("=")
        if not name.startswith("-") or name == "-":
            given += 1
        elif name not in options:
            return f"it has no {name}"
        elif not (has_value or getattr(options[name], "is_flag", False)):
            del words[: options[name].nargs]
    own = [one for one in command.params if one.param_type_name == "argument"]
    least, most = sum(one.required for one in own), sum(one.nargs for one in own)
    if PLACEHOLDER in line or (least <= given and (given <= most or any(one.nargs < 0 for one in own))):
        return None
    return f"it takes {least} to {most} words"
