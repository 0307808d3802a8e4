"""The page of all errors, read from the sources: what each code means, and what its messages advise.

Nothing is imported or run: classes and the calls that make them are read as syntax, so that a code that is
added appears on the page and one that is removed leaves it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SOURCE_ROOTS = ("plugin", "server", "ocio", "installer")
# A Sphinx role such as :func:`svfr_ocio.probe.make_probe`: the page shows the last name alone.
_ROLE = re.compile(r":\w+:`~?(?:\w+\.)*(\w+)`")
_HEAD = """# Troubleshooting

Every message of SVFR Studio carries a code in capitals. This page has all of them: what a code means, and
what its messages tell you to do. Where a message names a frame or a file, begin there. `svfr doctor` checks
the installation itself; `--json` prints an error with its code, frame, path and remedy apart.
"""


@dataclass
class Entry:
    """One error code: the sentences of its classes, and the remedies of the places that raise them."""

    code: str
    meanings: set[str] = field(default_factory=set)
    remedies: set[str] = field(default_factory=set)


def entries(root: Path) -> dict[str, Entry]:
    """Return the catalogue of the project at ``root``, by code."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in _sources(root)]
    classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    codes = {name: code for name in classes if (code := _code_of(name, classes)) is not None}
    found: defaultdict[str, Entry] = defaultdict(lambda: Entry(""))
    for name, code in codes.items():
        entry = found[code]
        entry.code = code
        sentence = (ast.get_docstring(classes[name]) or "").split("\n\n")[0]
        entry.meanings.add(" ".join(_ROLE.sub(r"`\1`", sentence).split()))
    for tree in trees:
        for name, remedy in _remedies(tree):
            if name in codes and remedy:
                found[codes[name]].remedies.add(remedy)
    return dict(found)


def page(root: Path) -> str:
    """Return the page as Markdown."""
    lines = [_HEAD]
    for code, entry in sorted(entries(root).items()):
        lines.append(f"## `{code}`\n")
        lines.append(" ".join(sorted(entry.meanings)) + "\n")
        lines += [f"- {remedy}" for remedy in sorted(entry.remedies)]
        lines.append("")
    return "\n".join(lines)


def _sources(root: Path) -> Iterator[Path]:
    for top in SOURCE_ROOTS:
        for path in sorted((root / top).rglob("*.py")):
            if not {"benchmarks", "build"} & set(path.parts):
                yield path


def _code_of(name: str, classes: dict[str, ast.ClassDef]) -> str | None:
    """Return the class's own or inherited ``code``; None when it is no SvfrError."""
    seen: set[str] = set()
    while name in classes and name not in seen:
        seen.add(name)
        node = classes[name]
        for statement in node.body:
            if isinstance(statement, ast.Assign) and _is_name(statement.targets[0], "code"):
                value = statement.value
                return value.value if isinstance(value, ast.Constant) and _is_error(node, classes) else None
        name = next((base.id for base in node.bases if isinstance(base, ast.Name)), "")
    return None


def _is_error(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> bool:
    names = [base.id for base in node.bases if isinstance(base, ast.Name)]
    return "SvfrError" in (node.name, *names) or any(
        name in classes and _is_error(classes[name], classes) for name in names
    )


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _remedies(tree: ast.AST) -> Iterable[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for keyword in node.keywords:
                if keyword.arg == "remedy":
                    yield node.func.id, _text(keyword.value)


def _text(node: ast.expr) -> str:
    """Return a literal's text, with an ellipsis for what is filled in; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else "…" for p in node.values]
        return "".join(str(part) for part in parts)
    if isinstance(node, ast.BinOp):
        left, right = _text(node.left), _text(node.right)
        return left + right if left and right else ""
    return ""
