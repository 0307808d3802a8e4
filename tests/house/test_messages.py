"""Messages are sentences for people: what an exception of Python's says is no part of one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("plugin", "server", "ocio", "installer")
OURS = {"SvfrError", "CannotInstall"}
"""Errors whose text is ours; a handler of nothing else may show it."""


def raw_texts(tree: ast.AST) -> Iterator[int]:
    """The lines of f-strings that show a caught exception as it is, also under ``str`` or ``repr``."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None or caught(handler) <= OURS:
            continue
        for node in ast.walk(handler):
            if isinstance(node, ast.FormattedValue) and shows(node.value, handler.name):
                yield node.lineno


def caught(handler: ast.ExceptHandler) -> set[str]:
    """The names of the exceptions that a handler catches."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(kind).rpartition(".")[2] for kind in kinds if kind is not None}


def shows(value: ast.expr, name: str) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("str", "repr"):
        return any(shows(argument, name) for argument in value.args)
    if isinstance(value, ast.BoolOp):
        return any(shows(operand, name) for operand in value.values)
    return isinstance(value, ast.Name) and value.id == name


@pytest.mark.parametrize(
    ("text", "is_raw"),
    [
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {error}')", True),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {error.strerror or error}')", True),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {str(error)}')", True),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {reason_of(error)}')", False),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {error.strerror}')", False),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {error!r}')", True),
        ("try: f()\nexcept SvfrError as error:\n print(f'it failed: {error}')", False),
        ("try: f()\nexcept (OSError, SvfrError) as error:\n print(f'it failed: {error}')", True),
    ],
)
def test_raw_text_is_recognised(text: str, is_raw: bool) -> None:
    assert bool(list(raw_texts(ast.parse(text)))) == is_raw


def test_no_message_carries_raw_python_text() -> None:
    files = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files
        for line in raw_texts(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
