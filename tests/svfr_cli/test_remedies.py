"""What a remedy says to type exists: every command and every option that any error of the program names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from svfr_cli.main import app

ROOT = Path(__file__).parents[2]
FLOORS = ("plugin", "server", "ocio", "installer")
OF_OTHER_PROGRAMS = {"--no-deps"}
"""Options of pip's."""


def remedies() -> Iterator[tuple[str, str]]:
    """Every text given as ``remedy`` or kept in a name that ends so, with where it stands."""
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                is_given = isinstance(node, ast.keyword) and node.arg == "remedy"
                if (is_given or is_kept(node)) and isinstance(node, (ast.keyword, ast.Assign)):
                    yield f"{path.relative_to(ROOT)}:{node.value.lineno}", text_of(node.value)


def is_kept(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(one, ast.Name) and one.id.casefold().endswith("remedy") for one in targets)


def text_of(value: ast.AST) -> str:
    parts = [
        node.value
        for node in ast.walk(value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return " ".join(parts)


def commands(group: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(words), group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*words, name))


COMMANDS = dict(commands(typer.main.get_command(app)))
OPTIONS = {
    option
    for command in COMMANDS.values()
    for parameter in command.params
    for option in (*parameter.opts, *parameter.secondary_opts)
}
OF_MODULES = {
    option
    for floor in FLOORS
    for path in (ROOT / floor).rglob("*.py")
    for option in re.findall(r"add_argument\(\s*\"(--[a-z0-9-]+)", path.read_text(encoding="utf-8"))
}
"""Options of what is run as ``python -m``."""


def test_every_command_that_a_remedy_names_is_there() -> None:
    missing = []
    for place, text in remedies():
        for words in re.findall(r"(?<![\w/])svfr ((?:[a-z]+[ `.,;:)]*)+)", text):
            first, *more = re.sub(r"[^a-z ].*", "", words).split()
            longest = f"{first} {more[0]}" if more and f"{first} {more[0]}" in COMMANDS else first
            if longest not in COMMANDS:
                missing.append(f"{place}: svfr {longest}")
    assert missing == []


def test_every_option_that_a_remedy_names_is_there() -> None:
    missing = [
        f"{place}: {option}"
        for place, text in remedies()
        for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text)
        if option not in OPTIONS | OF_MODULES | OF_OTHER_PROGRAMS
    ]
    assert missing == []


@pytest.mark.parametrize("words", ["serve", "key authorize", "doctor", "model import", "cache quota"])
def test_the_commands_are_found_by_their_words(words: str) -> None:
    assert words in COMMANDS
