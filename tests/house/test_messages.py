"""Messages are sentences for people: what an exception of Python's says is no part of one."""

import ast
from collections.abc import Iterator

import pytest
from house_sources import Source, source_of, sources

OURS = {"SvfrError", "CannotInstall"}
"""Errors whose text is ours; a handler of nothing else may show it."""


def raw_texts(source: Source) -> Iterator[int]:
    """The lines of texts that show a caught exception as it is, also under ``str`` or ``repr``.

    Texts are f-strings, ``"..." + ...``, ``"..." % ...`` and ``"...".format(...)``; an exception keeps its
    kind under a second name.
    """
    for handler in ast.walk(source.tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        if caught(source, handler) <= OURS:
            continue
        shown = {handler.name}
        for node in ast.walk(handler):
            if isinstance(node, ast.Assign) and shows(source, node.value, shown):
                shown |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        for node in ast.walk(handler):
            if any(shows(source, part, shown) for part in parts_of_text(node)):
                yield node.lineno


def parts_of_text(node: ast.AST) -> list[ast.expr]:
    """The values that become part of a text here."""
    if isinstance(node, ast.FormattedValue):
        return [node.value]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        sides = [node.left, node.right]
        if any(is_text(side) for side in sides):
            return [*sides, *(node.right.elts if isinstance(node.right, ast.Tuple) else [])]
    is_format = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    if is_format and node.func.attr == "format" and is_text(node.func.value):
        return [*node.args, *(word.value for word in node.keywords)]
    return []


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def caught(source: Source, handler: ast.ExceptHandler) -> set[str]:
    """The names of the exceptions that a handler catches, as they are called where they are defined."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    named = [kind for kind in kinds if kind is not None]
    origins = [source.names.origin(kind) for kind in named]
    return {
        (ast.unparse(kind) if origin.endswith("?") else origin).rpartition(".")[2]
        for kind, origin in zip(named, origins, strict=True)
    }


def shows(source: Source, value: ast.expr, names: set[str]) -> bool:
    if isinstance(value, ast.Call) and source.names.origin(value.func) in ("str", "repr", "format", "ascii"):
        return any(shows(source, argument, names) for argument in value.args)
    if isinstance(value, ast.BoolOp):
        return any(shows(source, operand, names) for operand in value.values)
    return isinstance(value, ast.Name) and value.id in names


@pytest.mark.parametrize(
    ("text", "is_raw"),
    [
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {error}')", True),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {error.strerror or error}')", True),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {str(error)}')", True),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {reason_of(error)}')", False),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {error.strerror}')", False),
        ("try: f()\nexcept E as error:\n raise X(f'it failed: {error!r}')", True),
        ("try: f()\nexcept E as error:\n other = error\n raise X(f'it failed: {other}')", True),
        ("try: f()\nexcept E as error:\n text = str(error)\n raise X(f'it failed: {text}')", True),
        ("try: f()\nexcept E as error:\n raise X('it failed: ' + str(error))", True),
        ("try: f()\nexcept E as error:\n raise X('it failed: %s' % error)", True),
        ("try: f()\nexcept E as error:\n raise X('it failed: {}'.format(error))", True),
        ("s = str\ntry: f()\nexcept E as error:\n raise X(f'it failed: {s(error)}')", True),
        ("from e import SvfrError as S\ntry: f()\nexcept S as error:\n print(f'it failed: {error}')", False),
        ("from e import E as SvfrError\ntry: f()\nexcept SvfrError as error:\n print(f'{error}')", True),
        ("try: f()\nexcept SvfrError as error:\n print(f'it failed: {error}')", False),
        ("try: f()\nexcept (OSError, SvfrError) as error:\n print(f'it failed: {error}')", True),
    ],
)
def test_raw_text_is_recognised(text: str, is_raw: bool) -> None:
    assert bool(list(raw_texts(source_of(text)))) == is_raw


def test_no_message_carries_raw_python_text() -> None:
    assert [f"{one.path}:{line}" for one in sources() for line in raw_texts(one)] == []
