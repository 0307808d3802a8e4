"""A call names its values: no long rows of positional arguments, in which two of one type change places."""

import ast
from collections.abc import Iterator

import pytest
from house_sources import Source, source_of, sources

MOST_IN_A_CALL, MOST_IN_A_SIGNATURE = 4, 5
COMMANDS = "server/svfr_cli/commands"
EXCEPTIONS = {
    # a network's tensors, in the order of the paper: given by place, as those of a module's forward are
    "server/svfr/training/nets/trainable.py": {"denoise"},
}


def long_calls(source: Source, classes: set[str]) -> Iterator[int]:
    """The lines of calls that give a class of ours more than four positional arguments."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and len(node.args) > MOST_IN_A_CALL and called(source, node) in classes:
            yield node.lineno


def called(source: Source, node: ast.Call) -> str:
    """The last part of what is called, by the name it was given where it is defined; "" for a library's."""
    home, _, name = source.names.origin(node.func).rpartition(".")
    if name == "?" and isinstance(node.func, ast.Name):
        return node.func.id
    is_ours = not home or home.startswith(("svfr", "benchmarks", "shapes", "?"))
    return name if is_ours else ""


def long_signatures(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions that take more than five positional arguments, ``self`` and ``cls`` not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
            if len([name for name in names if name not in ("self", "cls")]) > MOST_IN_A_SIGNATURE:
                yield node


def is_excepted(path: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
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
        ("from shapes import Box as B\nB(1, 2, 3, 4, 5)", True),
        ("from shapes import Box\nmake = Box\nmake(1, 2, 3, 4, 5)", True),
    ],
)
def test_a_long_call_is_recognised(text: str, is_long: bool) -> None:
    assert bool(list(long_calls(source_of(text), {"Box"}))) == is_long


@pytest.mark.parametrize(
    ("text", "is_long"),
    [
        ("def f(a, b, c, d, e): ...", False),
        ("def f(a, b, c, d, e, f): ...", True),
        ("async def f(a, b, c, d, e, f): ...", True),
        ("def f(self, a, b, c, d, e): ...", False),
        ("def f(a, b, c, *, d, e, f): ...", False),
    ],
)
def test_a_long_signature_is_recognised(text: str, is_long: bool) -> None:
    assert bool(list(long_signatures(ast.parse(text)))) == is_long


def test_no_class_of_ours_is_called_with_a_row_of_positional_arguments() -> None:
    ours = {node.name for one in sources() for node in ast.walk(one.tree) if isinstance(node, ast.ClassDef)}
    assert len(ours) > 500
    found = [f"{one.path}:{line}" for one in sources() for line in long_calls(one, ours | {"cls"})]
    assert found == []


def test_no_function_takes_a_row_of_positional_arguments() -> None:
    found = [
        f"{one.path}:{function.lineno} {function.name}"
        for one in sources()
        for function in long_signatures(one.tree)
        if not is_excepted(one.path, function)
    ]
    assert found == []
