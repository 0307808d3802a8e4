"""A call names its values: no long rows of positional arguments, in which two of one type change places."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("plugin", "server", "ocio", "installer")
MOST_IN_A_CALL, MOST_IN_A_SIGNATURE = 4, 5
COMMANDS = "server/svfr_cli/commands"
EXCEPTIONS = {
    # a network's tensors, in the order of the paper: given by place, as those of a module's forward are
    "server/svfr/training/nets/trainable.py": {"denoise"},
}


def long_calls(tree: ast.AST, classes: set[str]) -> Iterator[int]:
    """The lines of calls that give a class of ours more than four positional arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) > MOST_IN_A_CALL and called(node) in classes:
            yield node.lineno


def called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def long_signatures(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """The functions that take more than five positional arguments, ``self`` and ``cls`` not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
            if len([name for name in names if name not in ("self", "cls")]) > MOST_IN_A_SIGNATURE:
                yield node


def trees() -> dict[str, ast.Module]:
    paths = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def is_excepted(path: str, function: ast.FunctionDef) -> bool:
    # the parameters of a command are the options of the command line, which Typer passes by name
    is_command = path.startswith(COMMANDS) and not function.name.startswith("_")
    return is_command or function.name in EXCEPTIONS.get(path, ())


@pytest.mark.parametrize(
    ("text", "is_long"),
    [
        ("Box(1, 2, 3, 4)", False),
        ("Box(1, 2, 3, 4, 5)", True),
        ("shapes.Box(1, 2, 3, 4, 5)", True),
        ("Box(1, 2, 3, 4, e=5)", False),
        ("theirs(1, 2, 3, 4, 5)", False),
    ],
)
def test_a_long_call_is_recognised(text: str, is_long: bool) -> None:
    assert bool(list(long_calls(ast.parse(text), {"Box"}))) == is_long


@pytest.mark.parametrize(
    ("text", "is_long"),
    [
        ("def f(a, b, c, d, e): ...", False),
        ("def f(a, b, c, d, e, f): ...", True),
        ("def f(self, a, b, c, d, e): ...", False),
        ("def f(a, b, c, *, d, e, f): ...", False),
    ],
)
def test_a_long_signature_is_recognised(text: str, is_long: bool) -> None:
    assert bool(list(long_signatures(ast.parse(text)))) == is_long


def test_no_class_of_ours_is_called_with_a_row_of_positional_arguments() -> None:
    ours = {
        node.name for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }
    assert len(ours) > 500
    found = [f"{path}:{line}" for path, tree in trees().items() for line in long_calls(tree, ours | {"cls"})]
    assert found == []


def test_no_function_takes_a_row_of_positional_arguments() -> None:
    found = [
        f"{path}:{function.lineno} {function.name}"
        for path, tree in trees().items()
        for function in long_signatures(tree)
        if not is_excepted(path, function)
    ]
    assert found == []
