"""What errors advise, read from the sources: the texts that each call gives as its ``remedy``.

A remedy is often no literal: a name of the function or module, one of two texts, or what a function of the
module returns. All that it can be is found; what is filled in while the program runs is an ellipsis.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

_Values = Mapping[str, Sequence[ast.expr]]
FILLED = "…"  # stands for what is known only when the program runs
_FIELD = re.compile(r"\{\w*(?:[.!:][^{}]*)?\}")  # of str.format
_DEEPEST = 6  # names of names
_MOST_TEXTS = 24


@dataclass(frozen=True)
class _Scope:
    """The values that names may have at a place: of the function, its module, and what is imported."""

    values: _Values
    returns: _Values
    depth: int = 0


class Advice:
    """The remedies in parsed modules, which import names from some parsed ones, those among them."""

    def __init__(self, trees: Sequence[ast.Module]) -> None:
        self._everywhere = _merged(_assigned(tree.body) for tree in trees)

    def remedies(self, raising: Sequence[ast.Module]) -> Iterator[tuple[str, str]]:
        """Yield the name of each class that is called with a remedy, and the remedy's text."""
        for tree in raising:
            nodes = list(ast.walk(tree))
            functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
            imported = {
                alias.asname or alias.name: self._everywhere.get(alias.name, ())
                for node in nodes
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            module = _Scope(
                {**imported, **_assigned(tree.body)}, {one.name: _returned(one) for one in functions}
            )
            inner = {id(node) for one in functions for node in ast.walk(one) if node is not one}
            for function in functions:
                if id(function) not in inner:
                    values = {**module.values, **_assigned(list(ast.walk(function)))}
                    yield from _of_calls(function, replace(module, values=values))
            for statement in tree.body:
                if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                    yield from _of_calls(statement, module)


def _of_calls(node: ast.AST, scope: _Scope) -> Iterator[tuple[str, str]]:
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or not isinstance(call.func, (ast.Name, ast.Attribute)):
            continue
        name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr
        for value in (keyword.value for keyword in call.keywords if keyword.arg == "remedy"):
            for text in texts(value, scope):
                if text.replace(FILLED, "").strip(" .:,;"):
                    yield name, text


def _merged(parts: Iterator[_Values]) -> _Values:
    found: defaultdict[str, list[ast.expr]] = defaultdict(list)
    for part in parts:
        for name, values in part.items():
            found[name] += values
    return found


def _assigned(nodes: Sequence[ast.AST]) -> _Values:
    """Return the values that statements give to plain names, by name."""
    found: defaultdict[str, list[ast.expr]] = defaultdict(list)
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id].append(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found[node.target.id].append(node.value)
    return found


def _returned(function: ast.FunctionDef) -> list[ast.expr]:
    return [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]


def texts(node: ast.expr, scope: _Scope) -> list[str]:
    """Return all texts that an expression may be, none where that is known only when the program runs."""
    if scope.depth > _DEEPEST:
        return []
    deeper = replace(scope, depth=scope.depth + 1)
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return _joined([_part(part, deeper) for part in node.values])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined([texts(side, deeper) or [FILLED] for side in (node.left, node.right)])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return [_FIELD.sub(FILLED, text) for text in texts(node.func.value, deeper)]
    several: Sequence[ast.expr] = ()
    if isinstance(node, ast.Name):
        several = scope.values.get(node.id, ())
    elif isinstance(node, ast.IfExp):
        several = (node.body, node.orelse)
    elif isinstance(node, ast.BoolOp):
        several = node.values
    elif isinstance(node, ast.Call):
        several = _called(node, scope)
    elif isinstance(node, ast.Subscript):
        several = _held(node.value, scope)
    return list(dict.fromkeys(text for one in several for text in texts(one, deeper)))[:_MOST_TEXTS]


def _called(node: ast.Call, scope: _Scope) -> Sequence[ast.expr]:
    """Return what a call may return: of a function of the module, or of a dictionary's ``get``."""
    if isinstance(node.func, ast.Name):
        return scope.returns.get(node.func.id, ())
    if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        return [*_held(node.func.value, scope), *node.args[1:]]
    return ()


def _held(node: ast.expr, scope: _Scope) -> Sequence[ast.expr]:
    """Return the values of a dictionary that has a name."""
    named = scope.values.get(node.id, ()) if isinstance(node, ast.Name) else ()
    return [value for one in named if isinstance(one, ast.Dict) for value in one.values]


def _part(part: ast.expr, scope: _Scope) -> list[str]:
    """Return what a part of a text that is put together may be: itself, words of a name, an ellipsis."""
    filled = part.value if isinstance(part, ast.FormattedValue) else part
    return texts(filled, scope) or [FILLED]


def _joined(parts: Sequence[list[str]]) -> list[str]:
    found = [""]
    for part in parts:
        found = [before + text for before in found for text in part][:_MOST_TEXTS]
    return found
